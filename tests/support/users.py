"""Users and company accounts in the database, without the use cases that create them."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from argon2 import PasswordHasher

import models
from accounts.identity import email_key, name_sort_key, user_search_key
from models import Role
from models.database import Database
from security.constants import ARGON2_LANES, ARGON2_MEMORY_KIB, ARGON2_PASSES
from tests.support.clock import Clock

# The password of every user. The users are not real.
PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "tr0ub4dor and three more words"
WRONG_PASSWORD = "wrong horse battery staple"
# Well-formed but in no set: the probability that it is one of ten codes is 1 in 2⁴⁶.
WRONG_BACKUP_CODE = "0000000000"

# Two encryption keys. The first one encrypts.
KEYS = "now:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,before:Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA="


@cache
def password_hash() -> str:
    """Return the hash of the password of every user. Hashing is slow, so it is computed once."""
    return PasswordHasher(ARGON2_PASSES, ARGON2_MEMORY_KIB, ARGON2_LANES).hash(PASSWORD)


async def insert_user(
    company_id: UUID,
    email: str,
    name: str,
    *,
    role: Role,
    password_hash: str,
    now: datetime,
    **fields: Any,  # noqa: ANN401  # of any column
) -> models.User:
    """Insert a user who never signed in. Call it in a transaction."""
    return await models.User.create(
        company_id=company_id,
        email=email,
        email_key=email_key(email),
        name=name,
        name_key=name_sort_key(name),
        search_key=user_search_key(name, email),
        role=role,
        password_hash=password_hash,
        created_at=now,
        **fields,
    )


async def make_user(
    database: Database,
    company: models.Company,
    password_hash: str,
    clock: Clock,
    *,
    name: str,
    role: Role = Role.MEMBER,
) -> models.User:
    """Create a user `NAME` with the email `name@COMPANY.example` who never signed in."""
    email = f"{name.lower()}@{company.name.lower()}.example"
    async with database.transaction():
        return await insert_user(company.id, email, name, role=role, password_hash=password_hash, now=clock.now)


async def set_security_policy(database: Database, company: models.Company, **policy: bool | datetime | None) -> None:
    """Change the security policy of a company account in the database."""
    async with database.transaction():
        await models.Company.filter(id=company.id).update(**policy)
