"""Find the encryption keys in use."""

from models.activation import Activation
from models.authenticator import Authenticator
from models.sql.execution import select

# One look-up in the index for each key, whatever the number of rows. SELECT DISTINCT reads the whole index.
NEXT_KEY_ID = "SELECT MIN(key_id) AS key_id FROM {table} WHERE key_id > $1"


async def key_ids_in_use() -> set[str]:
    """Return the ids of the keys that encrypt a TOTP secret in the database."""
    found: set[str] = set()
    for model in (Authenticator, Activation):
        statement = NEXT_KEY_ID.format(table=model._meta.db_table)  # noqa: SLF001  # there is no public attribute
        key_id = ""
        while key_id is not None:
            (row,) = await select(statement, key_id)
            key_id = row["key_id"]
            if key_id is not None:
                found.add(key_id)
    return found
