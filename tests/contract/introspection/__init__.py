"""Clients of the released specifications build the served schema, which need Node: `make test-introspection`."""
