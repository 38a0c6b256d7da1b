"""The audits of graphql-http over the real server, which need Node: `make test-http-audit`."""
