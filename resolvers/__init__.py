"""Resolvers: the request context, and the functions of fields that need more than a use case."""
