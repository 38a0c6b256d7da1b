"""SQL statements of our own, behind named functions. docs/adr/0003-own-sql.md gives the reasons.

Apart from the hash, the SQL statements are most of the cost of a sign-in. Our own SQL halves the cost of `verifyLogin`
(docs/performance.md).
"""
