"""The two kinds of second factor: one-time passwords of an authenticator app, and backup codes."""
