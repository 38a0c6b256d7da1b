"""The command line, run against real databases."""
