"""The demo, run as a process."""
