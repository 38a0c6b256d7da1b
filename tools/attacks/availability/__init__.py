"""Attacks on the availability of a served production process, and probes that measure what other users notice."""
