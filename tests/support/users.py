"""Users in the database, without the use cases that create them."""

import models
from accounts.identity import email_key, search_key
from models import Role
from models.database import Database
from tests.support.clock import Clock

# The password of every user.
PASSWORD = "correct horse battery staple"

# Two encryption keys. The first one encrypts.
KEYS = "now:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,before:Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA="


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
    key = email_key(email)
    assert key is not None
    async with database.transaction():
        return await models.User.create(
            company=company,
            email=email,
            email_key=key,
            name=name,
            name_key=search_key(name),
            search_key=search_key(f"{name}\n{email}"),
            role=role,
            password_hash=password_hash,
            created_at=clock.now,
        )
