"""The HTTP layer: request validation, content negotiation, cookies, bearer tokens, headers, limits, logs and health."""
