"""Long-running attacks as commands, for example `python -m tools.attacks.races`. `tests/security` runs them briefly."""
