"""The command line: typer functions that call the same use cases as the API. It knows no GraphQL but the file of it."""
