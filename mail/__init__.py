"""The letters, the outbox they wait in, and the sender that takes them to the mail server."""
