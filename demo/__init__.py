"""The demo: everything on this machine, with people to sign in as and a mail server. No part of the product."""
