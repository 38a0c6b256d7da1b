"""Tests of one part with its real neighbours: database, mail server, processes, sockets."""
