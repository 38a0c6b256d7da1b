"""End-to-end tests of the reference frontend in headless Chromium."""
