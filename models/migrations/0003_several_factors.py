"""Let a user have several authenticators, and an activation belong to a kind of factor.

Until now, the id of the user was the primary key of the authenticator.
"""

from collections.abc import Mapping, Sequence

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor import BaseSchemaEditor

from models.added_columns import AddFieldInModelsOnly, InModelsOnly

# A random UUID (RFC 9562 §5.4) as text. SQLite has no function for it.
SQLITE_UUID = """
    lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'
    || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))
"""
COLUMNS = "encrypted_secret, key_id, last_step, activation_token_hash, activated_by_acknowledgement, user_id"
USER_INDEX = "CREATE INDEX authenticator_of_user ON authenticator (user_id)"
# SQLite can neither add nor drop a primary key, so the table is copied.
COPY_SQLITE_TABLE = (
    """
    CREATE TABLE copied_authenticator (
        {id}
        encrypted_secret BLOB NOT NULL,
        key_id VARCHAR(32) NOT NULL,
        last_step BIGINT NOT NULL,
        activation_token_hash VARCHAR(64) NOT NULL,
        activated_by_acknowledgement INT NOT NULL,
        user_id CHAR(36) NOT NULL {user_key} REFERENCES user_account (id) ON DELETE CASCADE
    )
    """,
    "INSERT INTO copied_authenticator ({columns}) SELECT {columns} FROM authenticator",
    "DROP TABLE authenticator",
    "ALTER TABLE copied_authenticator RENAME TO authenticator",
    "CREATE INDEX idx_authenticat_key_id_c341c0 ON authenticator (key_id)",
)
ADD_FACTOR = "ALTER TABLE activation ADD COLUMN factor VARCHAR(16) NOT NULL DEFAULT 'OTP'"
DROP_FACTOR = "ALTER TABLE activation DROP COLUMN factor"
# The id has a default, and so has the factor: a server of the version before inserts rows without them.
FORWARD = {
    "sqlite": (
        *(
            statement.format(
                columns=COLUMNS, id=f"id CHAR(36) NOT NULL PRIMARY KEY DEFAULT ({SQLITE_UUID}),", user_key=""
            )
            for statement in COPY_SQLITE_TABLE
        ),
        USER_INDEX,
        ADD_FACTOR,
    ),
    "postgres": (
        "ALTER TABLE authenticator DROP CONSTRAINT authenticator_pkey",
        "ALTER TABLE authenticator ADD COLUMN id UUID NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY",
        USER_INDEX,
        ADD_FACTOR,
    ),
}
# The way back fails if a user has several authenticators.
BACKWARD = {
    "sqlite": (
        *(statement.format(columns=COLUMNS, id="", user_key="PRIMARY KEY") for statement in COPY_SQLITE_TABLE),
        DROP_FACTOR,
    ),
    "postgres": (
        "DROP INDEX authenticator_of_user",
        "ALTER TABLE authenticator DROP COLUMN id",
        "ALTER TABLE authenticator ADD CONSTRAINT authenticator_pkey PRIMARY KEY (user_id)",
        DROP_FACTOR,
    ),
}
HAS_FACTOR = {
    "sqlite": "SELECT 1 FROM pragma_table_info('activation') WHERE name = 'factor'",
    "postgres": """
        SELECT 1 FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = 'activation' AND column_name = 'factor'
    """,
}


async def _run(editor: BaseSchemaEditor, statements: Mapping[str, Sequence[str]], *, has_factor: bool) -> None:
    """Run the statements in the transaction of the migration, if the tables are as expected.

    Otherwise another process has run them at the same time. `execute_script` would commit the transaction on SQLite.
    """
    dialect = editor.client.capabilities.dialect
    if bool(await editor.client.execute_query_dict(HAS_FACTOR[dialect])) is has_factor:
        for statement in statements[dialect]:
            await editor.client.execute_query(statement)


async def migrate_forward(_apps: object, editor: BaseSchemaEditor) -> None:
    """Give authenticators an id, and activations a factor."""
    await _run(editor, FORWARD, has_factor=False)


async def migrate_backward(_apps: object, editor: BaseSchemaEditor) -> None:
    """Take both away."""
    await _run(editor, BACKWARD, has_factor=True)


class DeleteModelInModelsOnly(InModelsOnly, ops.DeleteModel):
    """See the base classes."""


class CreateModelInModelsOnly(InModelsOnly, ops.CreateModel):
    """See the base classes."""


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0002_index_of_idle_attempt_counts")]

    initial = False

    operations = [
        ops.RunPython(migrate_forward, migrate_backward),
        DeleteModelInModelsOnly("Authenticator"),
        CreateModelInModelsOnly(
            name="Authenticator",
            fields=[
                ("id", fields.UUIDField(primary_key=True)),
                (
                    "user",
                    fields.ForeignKeyField(
                        "models.User",
                        source_field="user_id",
                        db_index=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="authenticators",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("encrypted_secret", fields.BinaryField()),
                ("key_id", fields.CharField(db_index=True, max_length=32)),
                ("last_step", fields.BigIntField()),
                ("activation_token_hash", fields.CharField(max_length=64)),
                ("activated_by_acknowledgement", fields.BooleanField()),
            ],
            options={
                "table": "authenticator",
                "app": "models",
                "pk_attr": "id",
                "table_description": "An active authenticator of a user whose 2FA is active.",
            },
            bases=["Model"],
        ),
        AddFieldInModelsOnly(model_name="Activation", name="factor", field=fields.CharField(max_length=16)),
    ]
