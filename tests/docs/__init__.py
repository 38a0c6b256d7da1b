"""The documentation does what it says: its operations run, its clients work."""
