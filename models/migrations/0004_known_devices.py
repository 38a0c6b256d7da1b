"""Remember devices on which users have signed in, and count the attempts that are still checked."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.added_columns import AddFieldInModelsOnly, Column, add_columns


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0003_several_factors")]

    initial = False

    operations = [
        add_columns(
            [
                Column("attempt_count", "undecided", "INT NOT NULL DEFAULT 0"),
                Column("session", "device_id", "UUID", sqlite="CHAR(36)"),
                Column("challenge", "device_id", "UUID", sqlite="CHAR(36)"),
                Column("challenge", "remembers_device", "BOOL NOT NULL DEFAULT FALSE"),
                Column("company", "new_device_emails", "BOOL NOT NULL DEFAULT TRUE"),
            ]
        ),
        AddFieldInModelsOnly(model_name="AttemptCount", name="undecided", field=fields.IntField(default=0)),
        AddFieldInModelsOnly(model_name="Session", name="device_id", field=fields.UUIDField(null=True)),
        AddFieldInModelsOnly(model_name="Challenge", name="device_id", field=fields.UUIDField(null=True)),
        AddFieldInModelsOnly(model_name="Challenge", name="remembers_device", field=fields.BooleanField(default=False)),
        AddFieldInModelsOnly(model_name="Company", name="new_device_emails", field=fields.BooleanField(default=True)),
        ops.AlterModelOptions(
            name="Company",
            options={
                "table": "company",
                "app": "models",
                "pk_attr": "id",
                "table_description": "A company account and its rules.",
            },
        ),
        ops.CreateModel(
            name="KnownDevice",
            fields=[
                ("id", fields.UUIDField(primary_key=True, unique=True, db_index=True)),
                ("token_hash", fields.CharField(unique=True, max_length=64)),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="user_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="known_devices",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("user_agent", fields.CharField(null=True, max_length=500)),
                ("first_seen_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("last_seen_at", fields.DatetimeField(db_index=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "known_device",
                "app": "models",
                "indexes": (Index(fields=["user_id", "last_seen_at"], name="known_device_of_user"),),
                "pk_attr": "id",
                "table_description": (
                    "A browser or app that has a device token of a user. To forget a device is to delete its row."
                ),
            },
            bases=["Model"],
        ),
    ]
