"""Keep the texts of backup codes, encrypted, until the user acknowledges them.

A server of the version before inserts activations without the new column, and deletes the new rows by cascade.
"""

from uuid import uuid4

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from models.added_columns import AddFieldInModelsOnly, Column, add_columns


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0006_replaced_session_tokens")]

    initial = False

    operations = [
        ops.CreateModel(
            name="UnacknowledgedCodes",
            fields=[
                ("id", fields.UUIDField(primary_key=True, default=uuid4, unique=True, db_index=True)),
                (
                    "activation",
                    fields.OneToOneField(
                        "models.Activation",
                        source_field="activation_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="unacknowledged_codes",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "code_set",
                    fields.OneToOneField(
                        "models.BackupCodeSet",
                        source_field="code_set_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="unacknowledged_codes",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("user_id", fields.UUIDField()),
                ("encrypted_secret", fields.BinaryField()),
                ("key_id", fields.CharField(db_index=True, max_length=32)),
            ],
            options={
                "table": "unacknowledged_codes",
                "app": "models",
                "pk_attr": "id",
                "table_description": "The texts of codes that the user has not acknowledged yet, encrypted.",
            },
            bases=["Model"],
        ),
        add_columns([Column("activation", "confirmed_by_session_id", "UUID", sqlite="CHAR(36)")]),
        AddFieldInModelsOnly(
            model_name="Activation", name="confirmed_by_session_id", field=fields.UUIDField(null=True)
        ),
    ]
