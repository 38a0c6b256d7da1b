"""Replace the index on the age of attempt counts: the cleanup looks for old counts of passwords only.

Counts of second factors do not expire. With an index on the time alone, each cleanup reads all old ones of them.
"""

from typing import Any

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops
from typing_extensions import override

OLD_INDEX = "idx_attempt_cou_last_at_11a743"


class AlterFieldInModelOnly(ops.AlterField):
    """Tortoise's AlterField would rebuild the table on SQLite, without its UNIQUE constraint."""

    @override
    async def database_forward(self, *_: Any, **__: Any) -> None:
        """Leave the table as it is."""

    @override
    async def database_backward(self, *_: Any, **__: Any) -> None:
        """Leave the table as it is."""


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0001_schema")]

    initial = False

    operations = [
        AlterFieldInModelOnly(
            model_name="AttemptCount",
            name="last_attempt_at",
            field=fields.DatetimeField(auto_now=False, auto_now_add=False),
        ),
        ops.RunSQL(
            [f"DROP INDEX {OLD_INDEX}"],
            [f"CREATE INDEX {OLD_INDEX} ON attempt_count (last_attempt_at)"],
        ),
        ops.AddIndex(
            model_name="AttemptCount",
            index=Index(fields=["factor", "last_attempt_at"], name="attempt_count_by_age"),
        ),
    ]
