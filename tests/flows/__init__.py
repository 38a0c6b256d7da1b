"""Tests of the use cases: real databases, no GraphQL."""
