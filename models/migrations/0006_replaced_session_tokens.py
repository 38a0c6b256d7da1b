"""Let a session have a replaced token, which works for a short time beside the present one."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from models.added_columns import AddFieldInModelsOnly, Column, add_columns

# Few sessions have a replaced token, so the index is small.
INDEX = """
    CREATE INDEX IF NOT EXISTS session_by_previous_token ON session (previous_token_hash)
    WHERE previous_token_hash IS NOT NULL
"""


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0005_warnings_and_clients_of_challenges")]

    initial = False

    operations = [
        add_columns(
            [
                Column("session", "previous_token_hash", "VARCHAR(64)"),
                Column("session", "previous_valid_until", "TIMESTAMPTZ", sqlite="TIMESTAMP"),
                Column("session", "token_salt", "BYTEA", sqlite="BLOB"),
            ]
        ),
        AddFieldInModelsOnly("Session", "previous_token_hash", fields.CharField(null=True, max_length=64)),
        AddFieldInModelsOnly(
            "Session", "previous_valid_until", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)
        ),
        AddFieldInModelsOnly("Session", "token_salt", fields.BinaryField(null=True)),
        ops.RunSQL([INDEX], ["DROP INDEX IF EXISTS session_by_previous_token"]),
    ]
