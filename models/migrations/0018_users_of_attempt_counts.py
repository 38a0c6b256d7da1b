"""Find the users at whose login strangers have to wait, without a search from each user.

The subject of a password is a keyed hash of the email, so the row gets the id of the user too. A row that a server of
the version before has written has none, until the next failed attempt. A wait lasts one hour at most.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from models.added_columns import AddFieldInModelsOnly, Column, add_columns

# The numbers of failures from which an attempt has to wait, and at which a second factor is locked.
WAITS_FROM, LOCKED_AT = 5, 100
# Tortoise has no partial indexes. Few rows are in these.
INDEXES = {
    "attempt_count_with_wait": f"(failures, last_attempt_at) WHERE failures >= {WAITS_FROM}",
    "attempt_count_with_lock": f"(factor) WHERE failures_since_sign_in >= {LOCKED_AT}",
}


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0017_user_counts")]

    initial = False

    operations = [
        add_columns([Column("attempt_count", "user_id", "UUID", sqlite="CHAR(36)")]),
        AddFieldInModelsOnly(model_name="AttemptCount", name="user_id", field=fields.UUIDField(null=True)),
        ops.RunSQL(
            [f"CREATE INDEX {name} ON attempt_count {definition}" for name, definition in INDEXES.items()],
            [f"DROP INDEX {name}" for name in INDEXES],
        ),
    ]
