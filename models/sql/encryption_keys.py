"""Find the encryption keys in use."""

from collections.abc import Iterable

from tortoise.models import Model

from models.sql.execution import select, table_of

# One look-up in the index for each key, whatever the number of rows. SELECT DISTINCT reads the whole index.
NEXT_KEY_ID = "SELECT MIN(key_id) AS key_id FROM {table} WHERE key_id > $1"


async def key_ids_in_use(tables: Iterable[type[Model]]) -> set[str]:
    """Return the ids of the keys that encrypt a secret in these tables."""
    found: set[str] = set()
    for model in tables:
        statement = NEXT_KEY_ID.format(table=table_of(model))
        key_id = ""
        while key_id is not None:
            (row,) = await select(statement, key_id)
            key_id = row["key_id"]
            if key_id is not None:
                found.add(key_id)
    return found
