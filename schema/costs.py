"""Declared costs of fields, which `transport/limits.py` adds up. One unit is one value, or about 20 µs of CPU."""

# One look-up in the database.
READ_COST = 100
# To count users of a company account several times, whatever its size.
COUNTS_COST = 500
# To read the row of a list from the database: a user with the company account, an event with user and actor, an event
# alone, or a session.
USER_ROW_COST = 8
EVENT_ROW_COST = 8
PLAIN_ROW_COST = 4
# To read the attempt counts of a user: one keyed hash, and up to three rows.
ATTEMPT_COUNTS_COST = 8
# To count the sessions or the known devices of a user, who has up to 100 sessions.
COUNT_COST = 8
# To read the statistics of a company account: two look-ups, and one of the users whose logins have to wait.
STATISTICS_COST = 3 * READ_COST
# To compute the modules of a QR code and to render it takes about 10 ms.
SVG_COST = 500
# A PNG at the largest scale takes about 50 ms.
PNG_COST = 2_500
