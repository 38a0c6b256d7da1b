"""What HTTP asks of us: strict requests, media types, cookies, tokens, addresses, headers, limits, logs and health."""
