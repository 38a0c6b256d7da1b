"""Tests of each mutation and query over HTTP: result, state change, audit events and emails."""
