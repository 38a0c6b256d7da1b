"""Let a session have a replaced token, and a company account require a second factor for changes."""

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
                Column("company", "second_factor_for_changes", "BOOL NOT NULL DEFAULT FALSE"),
            ]
        ),
        ops.RunSQL([INDEX], ["DROP INDEX IF EXISTS session_by_previous_token"]),
        AddFieldInModelsOnly(
            model_name="Session", name="previous_token_hash", field=fields.CharField(null=True, max_length=64)
        ),
        AddFieldInModelsOnly(
            model_name="Session",
            name="previous_valid_until",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        AddFieldInModelsOnly(model_name="Session", name="token_salt", field=fields.BinaryField(null=True)),
        AddFieldInModelsOnly(
            model_name="Company", name="second_factor_for_changes", field=fields.BooleanField(default=False)
        ),
    ]
