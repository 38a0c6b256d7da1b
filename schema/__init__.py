"""The contract: what clients can ask, and in which words they are told. No logic, no await, no database."""
