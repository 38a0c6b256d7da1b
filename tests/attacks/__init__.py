"""Attacks and faults: each test is named after what it attempts, and after its id in docs/security.md."""
