"""The reference frontend: plain pages against the public contract. The product runs without it."""
