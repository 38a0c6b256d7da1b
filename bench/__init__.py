"""Measures what the product costs, each thing against a handler that does the same by hand: `make bench`."""
