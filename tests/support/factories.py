"""Create users with sessions, challenges and second factors directly in the database tables."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import models
from models import Role
from models.database import Database
from security.constants import (
    ACTIVATION_LIFETIME,
    BACKUP_CODES_PER_SET,
    CHALLENGE_LIFETIME,
    REPLACEMENT_LIFETIME,
    SALT_BYTES,
    SESSION_LIFETIME,
    TOKEN_BYTES,
    TOTP_SECRET_BYTES,
)
from security.key_ring import NONCE_BYTES, KeyRing
from security.tokens import TokenKind, make_token, token_hash
from tests.support.authenticator import NO_AUTHENTICATOR, Authenticator
from tests.support.users import insert_user, password_hash
from twofactor.factors.backup_code_format import backup_code_hash
from twofactor.factors.totp import key, step_at

# The OTPs of the last three time steps are unused.
UNUSED_TIME_STEPS = 3


@dataclass(frozen=True, slots=True)
class FactoryUser:
    """A user of the factory, with the user's secrets. A secret that the user does not have is empty."""

    user_id: UUID
    email: str
    session_token: str = field(default="", repr=False)
    challenge_token: str = field(default="", repr=False)
    activation_token: str = field(default="", repr=False)
    authenticator: Authenticator = NO_AUTHENTICATOR
    backup_code: str = field(default="", repr=False)


# A backup code of each set, and one of new codes that wait for the acknowledgement.
BACKUP_CODE, NEW_BACKUP_CODE = "0123456789", "9876543210"


def _code_hashes(code: str, salt: bytes) -> list[str]:
    """Return the hashes of a set. They are slow, so only the known code gets a real one, and the others are random."""
    return [backup_code_hash(code, salt), *(secrets.token_hex(32) for _ in range(BACKUP_CODES_PER_SET - 1))]


async def insert_replacement(user_id: UUID, now: datetime) -> str:
    """Insert new backup codes that wait for the acknowledgement, and return their token. Call it in a transaction."""
    token = make_token(TokenKind.REPLACEMENT, secrets.token_bytes(TOKEN_BYTES))
    salt = secrets.token_bytes(SALT_BYTES)
    await models.BackupCodeReplacement.create(
        token_hash=token_hash(TokenKind.REPLACEMENT, token),
        user_id=user_id,
        salt=salt,
        code_hashes="\n".join(_code_hashes(NEW_BACKUP_CODE, salt)),
        created_at=now,
        expires_at=now + REPLACEMENT_LIFETIME,
    )
    return token


class Factory:
    """Writes to the database without the code under test."""

    def __init__(self, database: Database, key_ring: KeyRing, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._key_ring = key_ring
        self._clock = clock

    async def company(self, *, backup_codes_enabled: bool = True) -> models.Company:
        """Create a company account."""
        async with self._database.transaction():
            return await models.Company.create(
                name="Acme", created_at=self._clock(), backup_codes_enabled=backup_codes_enabled
            )

    async def logged_in_admin(self, company: models.Company) -> FactoryUser:
        """Create an admin without 2FA, with a session."""
        async with self._database.transaction():
            user = await self._user(company, Role.ADMIN)
            return FactoryUser(user.id, user.email, session_token=await self._session(user))

    async def logged_in_member(self, company: models.Company) -> FactoryUser:
        """Create a member without 2FA, with a session."""
        async with self._database.transaction():
            user = await self._user(company, Role.MEMBER)
            return FactoryUser(user.id, user.email, session_token=await self._session(user))

    async def member_with_2fa(
        self, company: models.Company, *, challenges: int = 1
    ) -> tuple[FactoryUser, tuple[str, ...]]:
        """Create a member with 2FA, backup codes and a session. Return it with the tokens of its challenges.

        The plaintext of only one of the ten backup codes is known.
        """
        now, secret = self._clock(), secrets.token_bytes(TOTP_SECRET_BYTES)
        async with self._database.transaction():
            user = await self._user(
                company, Role.MEMBER, two_factor_activated_at=now, backup_codes_remaining=BACKUP_CODES_PER_SET
            )
            encrypted = self._key_ring.encrypt(secret, user.id, secrets.token_bytes(NONCE_BYTES))
            await models.Authenticator.create(
                user_id=user.id,
                encrypted_secret=encrypted.ciphertext,
                key_id=encrypted.key_id,
                last_step=step_at(now) - UNUSED_TIME_STEPS,
                activation_token_hash="0" * 64,
                activated_by_acknowledgement=True,
            )
            code = await self._backup_codes(user, None)
            tokens = tuple([await self._challenge(user) for _ in range(challenges)])
            session = await self._session(user)
        return FactoryUser(
            user.id, user.email, session, tokens[0] if tokens else "", "", Authenticator(key(secret)), code
        ), tokens

    async def member_with_new_codes(self, company: models.Company) -> FactoryUser:
        """Create a member with 2FA, whose new backup codes wait for `acknowledgeBackupCodes`."""
        user, _ = await self.member_with_2fa(company)
        async with self._database.transaction():
            return replace(user, activation_token=await insert_replacement(user.user_id, self._clock()))

    async def member_activating_2fa(self, company: models.Company, *, confirmed: bool) -> FactoryUser:
        """Create a member with a session and an activation.

        If `confirmed`, the activation waits for `acknowledgeBackupCodes`, otherwise for `confirmOtp`.
        """
        now, secret = self._clock(), secrets.token_bytes(TOTP_SECRET_BYTES)
        async with self._database.transaction():
            user = await self._user(company, Role.MEMBER)
            token = make_token(TokenKind.ACTIVATION, secrets.token_bytes(TOKEN_BYTES))
            encrypted = self._key_ring.encrypt(secret, user.id, secrets.token_bytes(NONCE_BYTES))
            activation = await models.Activation.create(
                factor="OTP",
                token_hash=token_hash(TokenKind.ACTIVATION, token),
                user_id=user.id,
                encrypted_secret=encrypted.ciphertext,
                key_id=encrypted.key_id,
                last_step=step_at(now) - UNUSED_TIME_STEPS if confirmed else 0,
                created_at=now,
                expires_at=now + ACTIVATION_LIFETIME,
            )
            code = await self._backup_codes(user, activation) if confirmed else ""
            session = await self._session(user)
        return FactoryUser(user.id, user.email, session, "", token, Authenticator(key(secret)), code)

    async def _user(self, company: models.Company, role: Role, **fields: Any) -> models.User:  # noqa: ANN401
        name = secrets.token_hex(8)
        return await insert_user(
            company.id,
            f"{name}@acme.example",
            name,
            role=role,
            password_hash=password_hash(),
            now=self._clock(),
            **fields,
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

    async def _backup_codes(self, user: models.User, activation: models.Activation | None) -> str:
        salt = secrets.token_bytes(SALT_BYTES)
        code_set = await models.BackupCodeSet.create(
            user_id=user.id, activation_id=activation and activation.id, salt=salt, created_at=self._clock()
        )
        await models.BackupCode.bulk_create(
            models.BackupCode(code_set_id=code_set.id, code_hash=each) for each in _code_hashes(BACKUP_CODE, salt)
        )
        return BACKUP_CODE
