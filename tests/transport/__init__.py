"""What HTTP asks of us, against a small schema of its own and against the whole application."""
