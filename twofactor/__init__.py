"""Two-factor authentication: activation, sign-in, removal. Each use case is a module and owns its transaction."""
