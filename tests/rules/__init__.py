"""The rules: pure functions, tried without database or event loop."""
