"""Unit tests of pure functions, without database or event loop."""
