"""The flows of the help page, walked in a real browser."""
