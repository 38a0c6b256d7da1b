"""The demo, its reference frontend, and example clients. The product does not depend on them."""
