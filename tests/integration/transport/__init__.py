"""Tests of the HTTP layer with a minimal schema and with the whole application."""
