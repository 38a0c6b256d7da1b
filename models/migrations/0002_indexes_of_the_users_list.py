"""The indexes by which an admin's list of users is filtered in each of its orders, and the one by which it is searched.

Tortoise can say neither a partial index on `IS NULL` nor one for a single dialect, so this is SQL.
"""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor import BaseSchemaEditor

ORDERS = {"age": "created_at", "name": "name_key", "last_login": "last_login_at"}

# Each user stands in one of the two partial indexes of an order. How many backup codes are left is a range, after which
# no order can follow in the index; but few users have few left, and those are soon sorted.
INDEXES = (
    {f"user_by_role_and_{name}": f"(company_id, role, {column}, id)" for name, column in ORDERS.items()}
    | {
        f"user_with_two_factor_by_{name}": f"(company_id, {column}, id) WHERE two_factor_activated_at IS NOT NULL"
        for name, column in ORDERS.items()
    }
    | {
        f"user_without_two_factor_by_{name}": f"(company_id, {column}, id) WHERE two_factor_activated_at IS NULL"
        for name, column in ORDERS.items()
    }
    | {
        "user_by_backup_codes_remaining": (
            "(company_id, backup_codes_remaining, id) WHERE two_factor_activated_at IS NOT NULL"
        )
    }
)

# pg_trgm comes with PostgreSQL, but not with every installation of it, and not everybody may add an extension. Without
# it the search reads all the users of the company account.
MAY_HAVE_TRIGRAMS = """
    SELECT 1 FROM pg_available_extensions
    WHERE name = 'pg_trgm'
      AND (installed_version IS NOT NULL OR has_database_privilege(current_database(), 'CREATE'))
"""

# What sign-ins leave for later, since each makes its row anew. Every search reads it through, and PostgreSQL soon takes
# the index for dearer than reading everybody; the sign-in that finds it full files it all away. With the usual 4 MiB
# both are felt (docs/performance.md). 64 is the least.
PENDING_LIST_KIB = 64


async def index_the_text(_apps: Any, editor: BaseSchemaEditor) -> None:  # noqa: ANN401  # Tortoise does not type it
    """Make the index for a part of a name or an email, where PostgreSQL has trigrams."""
    if editor.client.capabilities.dialect != "postgres" or not await editor.client.execute_query_dict(
        MAY_HAVE_TRIGRAMS
    ):
        return
    await editor.client.execute_script(
        "CREATE EXTENSION IF NOT EXISTS pg_trgm;"
        "CREATE INDEX user_by_text ON user_account USING gin (search_key gin_trgm_ops) "
        f"WITH (gin_pending_list_limit = {PENDING_LIST_KIB})"
    )


async def forget_the_text(_apps: Any, editor: BaseSchemaEditor) -> None:  # noqa: ANN401  # Tortoise does not type it
    """Drop that index. The extension stays, for others may have come to use it."""
    await editor.client.execute_script("DROP INDEX IF EXISTS user_by_text")


class Migration(migrations.Migration):
    """Adds the indexes, and takes them away."""

    dependencies = [("models", "0001_initial")]
    operations = [
        ops.RunSQL(
            [f"CREATE INDEX {name} ON user_account {what}" for name, what in INDEXES.items()],
            [f"DROP INDEX {name}" for name in INDEXES],
        ),
        ops.RunPython(index_the_text, forget_the_text),
    ]
