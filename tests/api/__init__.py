"""The contract, over HTTP: what each mutation and each query answers, changes, writes down and tells by letter."""
