"""What the tests stand on: databases, an authenticator, a client. Real parts, no mocks."""
