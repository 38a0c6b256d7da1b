"""The tests of Countersign, grouped by what they need: nothing, a database or a server."""
