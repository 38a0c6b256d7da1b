"""Emails to users: the outbox, the messages, and the worker that sends them over SMTP."""
