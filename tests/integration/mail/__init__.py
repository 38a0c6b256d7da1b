"""Tests of the messages, the outbox and the email worker, with real mail servers on the loopback interface."""
