"""Attacks and faults. The id of each attack is in the name or the docstring of its tests and in docs/security.md."""
