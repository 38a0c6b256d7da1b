"""Measures the cost of each operation and compares it with a handwritten baseline: `make bench`."""
