"""The demo: the server, the reference frontend, users and a mail server in one process. Not part of the product."""
