"""Tests of the documentation: its operations run, its links work and its example clients work."""
