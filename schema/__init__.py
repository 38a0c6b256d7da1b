"""The GraphQL contract, one module for each area. It holds no business logic and does not access the database."""
