"""The caches and persisted-query links of Apollo and urql on a real server, which need Node: `make test-caches`."""
