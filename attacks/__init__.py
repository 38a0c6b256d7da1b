"""Attacks that take long, as commands: `python -m attacks.races` and so on. The tests hold their short forms."""
