"""Find the parameters of the password hashes that another system computed."""

from models.sql.execution import dialect, select

# The hashes of this product. A sign-in replaces each other hash. `_` is `$`, which marks a parameter of a statement.
OWN_HASHES = "_argon2id_v=19_m=19456,t=2,p=1_%"
# One look-up in the index `user_by_imported_hash` for each kind of parameters, whatever the number of users.
NEXT_HASH = """
    SELECT password_hash FROM user_account
    WHERE password_hash NOT LIKE '{own}' AND password_hash {collation} > $1
    ORDER BY password_hash {collation} LIMIT 1
"""
COLLATIONS = {"sqlite": "", "postgres": 'COLLATE "C"'}
# It follows all characters of a salt.
AFTER_EVERY_SALT = "~"


async def one_hash_of_each_imported_kind() -> dict[str, str]:
    """Return a hash for each combination of parameters that is not that of this product.

    The keys are the hashes up to their salt.
    """
    statement = NEXT_HASH.format(own=OWN_HASHES, collation=COLLATIONS[dialect()])
    found: dict[str, str] = {}
    rows = await select(statement, "")
    while rows:
        password_hash = rows[0]["password_hash"]
        parameters = password_hash.rsplit("$", 2)[0]
        found[parameters] = password_hash
        rows = await select(statement, f"{parameters}${AFTER_EVERY_SALT}")
    return found
