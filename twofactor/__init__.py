"""What 2FA means: one module a use case. Each use case owns its transaction; none knows GraphQL or HTTP."""
