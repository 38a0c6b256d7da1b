"""The letters, the outbox and the sender, against real mail servers on the loopback interface."""
