"""Tests of the IP rate limiter with a real Redis server. `make test` does not run them."""
