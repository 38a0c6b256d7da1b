"""Compute the keys of emails again: the local part is no longer case-folded, and the domain is in ASCII (IDNA 2008).

`straße@a.example` and `strasse@a.example` are now two emails. Both spellings of an internationalised domain are one.
Only emails that contain a character outside ASCII, or a domain in ASCII form, get other keys.

If two users now have one email, the migration changes nothing: the operator decides which of the accounts remains. A
server of the version before computes the old keys, so it does not find the few users with changed keys.

The functions are copies of those in `accounts.identity`, which later versions may change. A migration never changes.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import idna
from tortoise import migrations
from tortoise.migrations import operations as ops

from models.database import MigrationRefused
from models.sql.execution import dialect, execute, select

EMAIL_KEY_MAX_LENGTH = 254
SEARCH_KEY_MAX_LENGTH = 1400

BYTES = {"sqlite": "length(CAST(email AS BLOB))", "postgres": "octet_length(email)"}
# A condition on the email alone reads the table once, without an index, and locks nothing.
INTERNATIONALISED = """
    SELECT id, name, email, email_key FROM user_account
    WHERE {bytes} <> length(email) OR lower(email) LIKE '%xn--%'
    ORDER BY id
"""
OTHER_USER = "SELECT id FROM user_account WHERE email_key = $1 AND id <> $2"
# An id is no email, so it is free. It lets a user get the key that another user has until then.
FREE_KEY = "UPDATE user_account SET email_key = CAST(id AS VARCHAR(36)) WHERE id = $1"
SET_KEYS = "UPDATE user_account SET email_key = $2, search_key = $3 WHERE id = $1"

Row = Mapping[str, Any]


def fold(text: str) -> str:
    """Return the key of a text for searching, which was also the key of an email."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
    return unicodedata.normalize("NFKC", folded.casefold())


def nfc(text: str) -> str:
    """Return the text in NFC."""
    return unicodedata.normalize("NFC", text)


def domain_in_ascii(domain: str) -> str:
    """Return the domain as mail and browsers send it, or in lower case if it is not a domain."""
    domain = nfc(domain)
    if domain.isascii():
        return domain.lower()
    try:
        labels = idna.uts46_remap(domain, std3_rules=False).split(".")
    except idna.IDNAError:
        return nfc(domain.lower())
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)


def domain_in_unicode(domain: str) -> str:
    """Return the other spelling of a domain in ASCII form."""
    try:
        return idna.decode(domain, display=True)
    except idna.IDNAError:
        return domain


def new_keys(row: Row) -> tuple[str, str]:
    """Return the key of the email, and the key for searching."""
    name, email = row["name"], row["email"]
    local_part, _, domain = email.partition("@")
    local_key = nfc(nfc(local_part).lower())
    ascii_domain = domain_in_ascii(domain)
    key = f"{local_key}@{ascii_domain}"
    if len(key) > EMAIL_KEY_MAX_LENGTH:
        ascii_domain = nfc(domain.lower())
        key = f"{local_key}@{ascii_domain}"
    lines = dict.fromkeys(map(fold, (name, email, key, f"{local_key}@{domain_in_unicode(ascii_domain)}")))
    return key, "\n".join(lines)


def old_keys(row: Row) -> tuple[str, str]:
    """Return the keys of the version before."""
    return fold(row["email"]), fold(f"{row['name']}\n{row['email']}")


async def _set_keys(keys_of: Callable[[Row], tuple[str, str]]) -> None:
    rows = await select(INTERNATIONALISED.format(bytes=BYTES[dialect()]))
    keys = {row["id"]: _fitting(row, *keys_of(row)) for row in rows}
    changed = [row["id"] for row in rows if row["email_key"] != keys[row["id"]][0]]
    users_of: dict[str, list[Any]] = defaultdict(list)
    for user_id, (key, _) in keys.items():
        users_of[key].append(user_id)
    for user_id in changed:
        key, _ = keys[user_id]
        others = [other["id"] for other in await select(OTHER_USER, key, user_id)]
        users_of[key] += [other for other in others if other not in keys]
    if same := [user_ids for user_ids in users_of.values() if len(user_ids) > 1]:
        raise MigrationRefused(_problem(same))
    for user_id in changed:
        await execute(FREE_KEY, user_id)
    for user_id, (key, search_key) in keys.items():
        await execute(SET_KEYS, user_id, key, search_key)


def _fitting(row: Row, key: str, search_key: str) -> tuple[str, str]:
    """Return the keys as the columns can hold them. A few characters have a key that is longer than they are."""
    return key if len(key) <= EMAIL_KEY_MAX_LENGTH else row["email_key"], search_key[:SEARCH_KEY_MAX_LENGTH]


def _problem(same: list[list[Any]]) -> str:
    accounts = "; ".join(" and ".join(f"user_{str(each).replace('-', '')}" for each in user_ids) for user_ids in same)
    return (
        f"these users have the same email in different spellings: {accounts}. Nothing was changed. With the version "
        "that served until now, look at them (`countersign user list --json`) and delete the account that nobody needs "
        "(`countersign user delete EMAIL`). Then migrate again"
    )


async def migrate_forward(_apps: object, _editor: object) -> None:
    """Set the new keys."""
    await _set_keys(new_keys)


async def migrate_backward(_apps: object, _editor: object) -> None:
    """Set the keys of the version before."""
    await _set_keys(old_keys)


class Migration(migrations.Migration):
    """See the module."""

    dependencies = [("models", "0008_index_of_imported_hashes")]

    initial = False

    operations = [ops.RunPython(migrate_forward, migrate_backward)]
