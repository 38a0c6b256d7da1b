"""Support code of the tests: databases, an authenticator, an API client. It uses real parts and no mocks."""
