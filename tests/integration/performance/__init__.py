"""Tests of the number of SQL statements of each operation, and of pauses of the event loop."""
