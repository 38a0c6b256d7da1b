"""Let a session have a replaced token, which works for a short time beside the present one."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

# Few sessions have a replaced token, so the index is small.
INDEX = """
    CREATE INDEX session_by_previous_token ON session (previous_token_hash) WHERE previous_token_hash IS NOT NULL
"""


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0005_warnings_and_clients_of_challenges")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Session", name="previous_token_hash", field=fields.CharField(null=True, max_length=64)
        ),
        ops.AddField(
            model_name="Session",
            name="previous_valid_until",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(model_name="Session", name="token_salt", field=fields.BinaryField(null=True)),
        ops.RunSQL([INDEX], ["DROP INDEX session_by_previous_token"]),
    ]
