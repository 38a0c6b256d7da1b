"""The command line: typer functions that call the same use cases as the API. It exports the GraphQL schema."""
