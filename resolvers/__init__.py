"""Resolvers: the request context, and the functions that authorise the viewer and call a use case."""
