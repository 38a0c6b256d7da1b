"""Declared costs of fields, which `transport/limits.py` adds up. One unit is one scalar value."""

# One look-up in the database.
READ_COST = 100
# To compute the modules of a QR code and to render it takes about 10 ms.
SVG_COST = 500
# A PNG at the largest scale takes about 50 ms.
PNG_COST = 2_500
