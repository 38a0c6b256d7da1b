"""The limit by address over a real Redis, which `make test` does not ask for."""
