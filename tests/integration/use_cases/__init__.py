"""Tests of the use cases with real databases and without GraphQL."""
