"""Key ring, password hashing, tokens, IP rate limiter, and the constants of the product."""
