"""Tests of the code as a whole: its layers, its migrations and its contract."""
