"""Maintain the number of users in each state that the statistics of a company account distinguish.

Triggers count each change, also those of a server of the version before. On PostgreSQL they see all users of an INSERT
or a DELETE at once, so that an import writes few rows. The condition of the trigger for an UPDATE keeps a sign-in from
writing any.

A later migration that copies `user_account` on SQLite has to create the triggers again.
"""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor import BaseSchemaEditor

from models.added_columns import InModelsOnly
from models.enum_as_text import enum_as_text
from models.user import Role, UserEnforcement

# A user has few backup codes from this number on.
FEW_CODES = 2
COLUMNS = "company_id, is_enabled, is_active, has_few_codes, role, enforcement, exempt_until"
STATE = f"""
    {{row}}company_id, {{row}}is_enabled, {{row}}two_factor_activated_at IS NOT NULL,
    {{row}}two_factor_activated_at IS NOT NULL AND {{row}}backup_codes_remaining <= {FEW_CODES},
    {{row}}role, {{row}}enforcement,
    COALESCE(CASE WHEN {{row}}enforcement = 'EXEMPT' THEN {{row}}exempt_until END, '1970-01-01 00:00:00+00:00')
"""
OLD, NEW = STATE.format(row="OLD."), STATE.format(row="NEW.")
RELEVANT = "company_id, is_enabled, two_factor_activated_at, backup_codes_remaining, role, enforcement, exempt_until"
INSERT = f"INSERT INTO user_count ({COLUMNS}, users, is_sum)"


def _insert_counts(table: str, count: str, *, is_sum: bool = False) -> str:
    """Return the statement that counts the users of a table."""
    numbers = ", ".join(str(number) for number in range(1, COLUMNS.count(",") + 2))
    return f"{INSERT} SELECT {STATE.format(row='')}, {count}, {is_sum} FROM {table} GROUP BY {numbers}"  # noqa: S608  # ours


TABLE = {
    "sqlite": """
        CREATE TABLE user_count (
            id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
            company_id CHAR(36) NOT NULL,
            is_enabled INT NOT NULL,
            is_active INT NOT NULL,
            has_few_codes INT NOT NULL,
            role VARCHAR(16) NOT NULL,
            enforcement VARCHAR(16) NOT NULL,
            exempt_until TIMESTAMP NOT NULL,
            users INT NOT NULL,
            is_sum INT NOT NULL
        )
    """,
    "postgres": """
        CREATE TABLE user_count (
            id BIGSERIAL NOT NULL PRIMARY KEY,
            company_id UUID NOT NULL,
            is_enabled BOOL NOT NULL,
            is_active BOOL NOT NULL,
            has_few_codes BOOL NOT NULL,
            role VARCHAR(16) NOT NULL,
            enforcement VARCHAR(16) NOT NULL,
            exempt_until TIMESTAMPTZ NOT NULL,
            users INT NOT NULL,
            is_sum BOOL NOT NULL
        )
    """,
}
INDEXES = (
    "CREATE INDEX user_count_of_company ON user_count (company_id)",
    f"CREATE UNIQUE INDEX user_count_sum ON user_count ({COLUMNS}) WHERE is_sum",
    "CREATE INDEX user_count_change ON user_count (id) WHERE NOT is_sum",
    "CREATE INDEX user_count_of_nobody ON user_count (id) WHERE users = 0",
)
TRIGGERS = {
    "sqlite": (
        f"""
        CREATE TRIGGER user_count_added AFTER INSERT ON user_account BEGIN
            {INSERT} VALUES ({NEW}, 1, FALSE);
        END
        """,  # noqa: S608  # ours
        f"""
        CREATE TRIGGER user_count_deleted AFTER DELETE ON user_account BEGIN
            {INSERT} VALUES ({OLD}, -1, FALSE);
        END
        """,
        f"""
        CREATE TRIGGER user_count_changed AFTER UPDATE OF {RELEVANT} ON user_account WHEN ({OLD}) IS NOT ({NEW}) BEGIN
            {INSERT} VALUES ({OLD}, -1, FALSE), ({NEW}, 1, FALSE);
        END
        """,
    ),
    "postgres": (
        f"""
        CREATE FUNCTION count_users() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF TG_OP = 'INSERT' THEN
                {_insert_counts("added_user", "count(*)")};
            ELSIF TG_OP = 'DELETE' THEN
                {_insert_counts("deleted_user", "-count(*)")};
            ELSE
                {INSERT} VALUES ({OLD}, -1, FALSE), ({NEW}, 1, FALSE);
            END IF;
            RETURN NULL;
        END $$
        """,
        """
        CREATE TRIGGER user_count_added AFTER INSERT ON user_account REFERENCING NEW TABLE AS added_user
            FOR EACH STATEMENT EXECUTE FUNCTION count_users()
        """,
        """
        CREATE TRIGGER user_count_deleted AFTER DELETE ON user_account REFERENCING OLD TABLE AS deleted_user
            FOR EACH STATEMENT EXECUTE FUNCTION count_users()
        """,
        f"""
        CREATE TRIGGER user_count_changed AFTER UPDATE OF {RELEVANT} ON user_account
            FOR EACH ROW WHEN (({OLD}) IS DISTINCT FROM ({NEW})) EXECUTE FUNCTION count_users()
        """,
    ),
}
DROP = {
    "sqlite": tuple(f"DROP TRIGGER user_count_{name}" for name in ("added", "deleted", "changed")),
    "postgres": (
        *(f"DROP TRIGGER user_count_{name} ON user_account" for name in ("added", "deleted", "changed")),
        "DROP FUNCTION count_users()",
    ),
}


async def migrate_forward(_apps: object, editor: BaseSchemaEditor) -> None:
    """Create the table and the triggers, and count the users.

    On PostgreSQL, CREATE TRIGGER locks the table of the users against changes. So the last statement counts each user
    whom no trigger has counted.
    """
    dialect = editor.client.capabilities.dialect
    for statement in (TABLE[dialect], *INDEXES, *TRIGGERS[dialect]):
        await editor.client.execute_query(statement)
    await editor.client.execute_query(_insert_counts("user_account", "count(*)", is_sum=True))


async def migrate_backward(_apps: object, editor: BaseSchemaEditor) -> None:
    """Drop the triggers and the table."""
    for statement in (*DROP[editor.client.capabilities.dialect], "DROP TABLE user_count"):
        await editor.client.execute_query(statement)


class CreateModelInModelsOnly(InModelsOnly, ops.CreateModel):
    """See the base classes."""


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0016_setup_reminders")]

    initial = False

    operations = [
        ops.RunPython(migrate_forward, migrate_backward),
        CreateModelInModelsOnly(
            name="UserCount",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("company_id", fields.UUIDField()),
                ("is_enabled", fields.BooleanField()),
                ("is_active", fields.BooleanField()),
                ("has_few_codes", fields.BooleanField()),
                ("role", enum_as_text(Role, max_length=16)),
                ("enforcement", enum_as_text(UserEnforcement, max_length=16)),
                ("exempt_until", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("users", fields.IntField()),
                ("is_sum", fields.BooleanField()),
            ],
            options={
                "table": "user_count",
                "app": "models",
                "pk_attr": "id",
                "table_description": ("Users in one state. Triggers of `user_account` insert a row for each change."),
            },
            bases=["Model"],
        ),
    ]
