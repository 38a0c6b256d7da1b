"""The rules of 2FA as pure functions: the time and the randomness are handed in, nothing is awaited or stored."""
