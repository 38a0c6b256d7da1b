"""Keep new backup codes that replace the set in force when the user acknowledges them.

A server of the version before neither reads the new table nor writes the new column.
"""

from uuid import uuid4

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from models.added_columns import AddFieldInModelsOnly, Column, add_columns


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0009_email_keys")]

    initial = False

    operations = [
        ops.CreateModel(
            name="BackupCodeReplacement",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                ("token_hash", fields.CharField(unique=True, max_length=64)),
                (
                    "user",
                    fields.OneToOneField(
                        "models.User",
                        source_field="user_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="backup_code_replacement",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("salt", fields.BinaryField()),
                ("code_hashes", fields.TextField(unique=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "backup_code_replacement",
                "app": "models",
                "pk_attr": "id",
                "table_description": (
                    "New codes that replace the user's set as soon as the user acknowledges them. No login accepts "
                    "them before."
                ),
            },
            bases=["Model"],
        ),
        add_columns([Column("backup_code_set", "replacement_token_hash", "VARCHAR(64)")]),
        AddFieldInModelsOnly(
            model_name="BackupCodeSet", name="replacement_token_hash", field=fields.CharField(null=True, max_length=64)
        ),
    ]
