"""Tortoise's clients for SQLite and PostgreSQL, with transactions that also end cleanly when the database fails."""
