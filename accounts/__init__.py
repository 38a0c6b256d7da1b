"""Company accounts, users, passwords, sessions, attempt limits and the audit log."""
