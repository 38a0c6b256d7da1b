"""The encryption key of the demo."""

# This key is public, so that the demo can continue with its data anywhere. Production rejects it.
DEMO_KEYS = "demo:+6ocACj6LejtlMU0+kEKCwX65KZZQcaPCh4GFGsJlDc="
