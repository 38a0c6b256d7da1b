"""The tests of Countersign, by what they need: nothing, a database, a server."""
