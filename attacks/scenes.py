"""Where attacks begin: people with sessions, challenges and second factors, written straight into the tables."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from argon2 import PasswordHasher

import models
from models import Role
from models.database import Database
from twofactor.rules.backup_codes import backup_code_hash
from twofactor.rules.identity import email_key, search_key
from twofactor.rules.policy import (
    ACTIVATION_LIFETIME,
    ARGON2_LANES,
    ARGON2_MEMORY_KIB,
    ARGON2_PASSES,
    BACKUP_CODES_A_SET,
    CHALLENGE_LIFETIME,
    SALT_BYTES,
    SEED_BYTES,
    SESSION_LIFETIME,
    TOKEN_BYTES,
)
from twofactor.rules.sealing import NONCE_BYTES, KeyRing
from twofactor.rules.tokens import TokenKind, make_token, token_hash
from twofactor.rules.totp import key, step_at

# Everybody's password.
PASSWORD = "correct horse battery staple"  # noqa: S105  # of people who do not exist
# No OTP of it is used yet that is newer than this many steps before the present.
STEPS_UNUSED = 3


@cache
def password_hash() -> str:
    """The hash of everybody's password, made once."""
    return PasswordHasher(ARGON2_PASSES, ARGON2_MEMORY_KIB, ARGON2_LANES).hash(PASSWORD)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account, and what they hold. What they do not hold is empty."""

    user_id: UUID
    email: str
    session_token: str = field(default="", repr=False)
    challenge_token: str = field(default="", repr=False)
    activation_token: str = field(default="", repr=False)
    # As an authenticator app takes it.
    key: str = field(default="", repr=False)
    backup_code: str = field(default="", repr=False)


class Scene:
    """Writes people into a database. Nothing of it goes through the code under attack."""

    def __init__(self, database: Database, key_ring: KeyRing, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._key_ring = key_ring
        self._clock = clock

    async def company(self, *, backup_codes_enabled: bool = True) -> models.Company:
        """A company account."""
        async with self._database.transaction():
            return await models.Company.create(
                name="Acme", created_at=self._clock(), backup_codes_enabled=backup_codes_enabled
            )

    async def admin(self, company: models.Company) -> Person:
        """An admin without 2FA, signed in."""
        async with self._database.transaction():
            user = await self._user(company, Role.ADMIN)
            return Person(user.id, user.email, session_token=await self._session(user))

    async def member(self, company: models.Company) -> Person:
        """A member without 2FA, signed in."""
        async with self._database.transaction():
            user = await self._user(company, Role.MEMBER)
            return Person(user.id, user.email, session_token=await self._session(user))

    async def enrolled(self, company: models.Company, *, challenges: int = 1) -> tuple[Person, tuple[str, ...]]:
        """A member with 2FA and backup codes, signed in, and the tokens of sign-ins that wait for the second factor.

        Of the ten backup codes the person holds one; nobody holds the others.
        """
        now, seed = self._clock(), secrets.token_bytes(SEED_BYTES)
        async with self._database.transaction():
            user = await self._user(
                company, Role.MEMBER, two_factor_activated_at=now, backup_codes_remaining=BACKUP_CODES_A_SET
            )
            sealed = self._key_ring.seal(seed, user.id, secrets.token_bytes(NONCE_BYTES))
            await models.Authenticator.create(
                user_id=user.id,
                sealed_seed=sealed.box,
                key_id=sealed.key_id,
                last_step=step_at(now) - STEPS_UNUSED,
                activation_token_hash="0" * 64,
                activated_by_acknowledgement=True,
            )
            code = await self._codes(user, None)
            tokens = tuple([await self._challenge(user) for _ in range(challenges)])
            session = await self._session(user)
        return Person(user.id, user.email, session, tokens[0] if tokens else "", "", key(seed), code), tokens

    async def activating(self, company: models.Company, *, confirmed: bool) -> Person:
        """A member, signed in, whose activation waits for its first OTP; or, `confirmed`, for its acknowledgement."""
        now, seed = self._clock(), secrets.token_bytes(SEED_BYTES)
        async with self._database.transaction():
            user = await self._user(company, Role.MEMBER)
            token = make_token(TokenKind.ACTIVATION, secrets.token_bytes(TOKEN_BYTES))
            sealed = self._key_ring.seal(seed, user.id, secrets.token_bytes(NONCE_BYTES))
            activation = await models.Activation.create(
                token_hash=token_hash(TokenKind.ACTIVATION, token),
                user_id=user.id,
                sealed_seed=sealed.box,
                key_id=sealed.key_id,
                last_step=step_at(now) - STEPS_UNUSED if confirmed else 0,
                created_at=now,
                expires_at=now + ACTIVATION_LIFETIME,
            )
            code = await self._codes(user, activation) if confirmed else ""
            session = await self._session(user)
        return Person(user.id, user.email, session, "", token, key(seed), code)

    async def _user(self, company: models.Company, role: Role, **facts: Any) -> models.User:  # noqa: ANN401
        name = secrets.token_hex(8)
        email = f"{name}@acme.example"
        return await models.User.create(
            company_id=company.id,
            email=email,
            email_key=email_key(email),
            name=name,
            name_key=search_key(name),
            search_key=search_key(f"{name}\n{email}"),
            role=role,
            password_hash=password_hash(),
            created_at=self._clock(),
            **facts,
        )

    async def _session(self, user: models.User) -> str:
        now, token = self._clock(), make_token(TokenKind.SESSION, secrets.token_bytes(TOKEN_BYTES))
        await models.Session.create(
            token_hash=token_hash(TokenKind.SESSION, token),
            user_id=user.id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + SESSION_LIFETIME,
        )
        return token

    async def _challenge(self, user: models.User) -> str:
        now, token = self._clock(), make_token(TokenKind.CHALLENGE, secrets.token_bytes(TOKEN_BYTES))
        await models.Challenge.create(
            token_hash=token_hash(TokenKind.CHALLENGE, token),
            user_id=user.id,
            transport=models.SessionTransport.TOKEN,
            created_at=now,
            expires_at=now + CHALLENGE_LIFETIME,
        )
        return token

    async def _codes(self, user: models.User, activation: models.Activation | None) -> str:
        salt, code = secrets.token_bytes(SALT_BYTES), "0123456789"
        code_set = await models.BackupCodeSet.create(
            user_id=user.id, activation_id=activation and activation.id, salt=salt, created_at=self._clock()
        )
        # One slow hash is enough: of the others, nobody knows what they are of.
        hashes = [backup_code_hash(code, salt), *(hashlib.sha256(secrets.token_bytes(8)).hexdigest() for _ in range(9))]
        await models.BackupCode.bulk_create(
            models.BackupCode(code_set_id=code_set.id, code_hash=each) for each in hashes
        )
        return code
