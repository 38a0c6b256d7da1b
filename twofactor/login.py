"""Sign in: email and password, then an OTP or, in an emergency, a backup code."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID, uuid4

import models
from accounts import attempt_limits, audit
from accounts.attempt_limits import ip_rate_limited
from accounts.attempt_waits import attempts_remaining, is_locked
from accounts.errors import FailedAttemptError, WrongEmailOrPasswordError
from accounts.identity import email_key
from accounts.password_strength import could_be_password
from accounts.reauthentication import record_wrong_password
from accounts.services import Client, Services
from accounts.sessions import LoggedIn, start_session
from mail import emails, outbox
from models import SecurityEventKind, SessionTransport
from models.database import CommitAndRaise
from models.sql import challenges
from models.sql.users import company_and_factors_of, company_of, find_user_by_email_key, lock_user
from security.constants import (
    CHALLENGE_LIFETIME,
    CHALLENGES_PER_USER,
    CLOCK_SLACK,
    FREE_ATTEMPTS,
    RESPONSE_PADDING_S,
    WARNING_INTERVAL,
)
from security.fair_queue import Requester
from security.tokens import TokenKind, token_hash
from twofactor.errors import ChallengeExpiredError, WrongSecondFactorError
from twofactor.factors.factor import Check, Factor, HashedFactor
from twofactor.factors.registry import FACTORS, factor_of

# No user has the nil UUID (RFC 9562 §5.9). For an unknown email the server runs the same SQL statements with this id.
UNKNOWN_USER_ID = UUID(int=0)


@dataclass(frozen=True, slots=True)
class SecondFactorRequired:
    """Email and password are right. The client has to send a second factor."""

    challenge_token: str = field(repr=False)
    expires_at: datetime
    # The kinds of second factor that the user can enter.
    methods: tuple[str, ...]


async def log_in(
    services: Services, client: Client, email: str, password: str, transport: SessionTransport
) -> LoggedIn | SecondFactorRequired:
    """Check email and password. Start a session, or open a challenge if 2FA is active.

    The steps are the same for a known and an unknown email, so that a client cannot distinguish them (ASVS 6.3.8).

    Raises:
        WrongEmailOrPasswordError: No enabled account has this email and password.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
    """
    key = email_key(email)
    if key is None or not could_be_password(password):
        raise WrongEmailOrPasswordError(was_checked=False)
    limit = attempt_limits.password_limit(services, key)
    async with _padded_response_time(), ip_rate_limited(services, client):
        async with services.hashing.admit(Requester(account=key, address=client.ip_address)) as hasher:
            async with services.database.transaction():
                await attempt_limits.reserve_attempt(limit, services.now())
                found = await find_user_by_email_key(key)
            is_right = await hasher.is_password(password, found.password_hash if found else None)
            better_hash = await hasher.rehash(password, found.password_hash) if found and is_right else None
        async with services.database.transaction():
            user = await lock_user(found.id if found else UNKNOWN_USER_ID)
            if not is_right or user is None or found is None or _has_changed(found, user):
                await record_wrong_password(services, client, SecurityEventKind.LOGIN_FAILED, user, limit)
                raise CommitAndRaise(WrongEmailOrPasswordError())
            await attempt_limits.release_password_attempt(limit)
            if better_hash:
                await models.User.filter(id=user.id).update(password_hash=better_hash)
            if user.two_factor_activated_at is not None:
                return await _open_challenge(services, user, transport)
            company = await company_of(user)
            return await start_session(services, client, user, company, transport=transport, second_factor=None)


@asynccontextmanager
async def _padded_response_time() -> AsyncIterator[None]:
    started = time.monotonic()
    try:
        yield
    except FailedAttemptError:
        await asyncio.sleep((started - time.monotonic()) % RESPONSE_PADDING_S)
        raise


def _has_changed(found: models.User, locked: models.User) -> bool:
    return locked.password_hash != found.password_hash or not locked.is_enabled


async def _open_challenge(services: Services, user: models.User, transport: SessionTransport) -> SecondFactorRequired:
    tables = {factor.kind: (factor.table, factor.in_force) for factor in FACTORS}
    company, owned = await company_and_factors_of(user, tables)
    available = [factor for factor in FACTORS if factor.kind in owned and factor.is_available(user, company)]
    for factor in available:
        await factor.challenge(services, user)
    now = services.now()
    await challenges.delete_oldest_challenges(user.id, keep=CHALLENGES_PER_USER - 1)
    token = services.new_token(TokenKind.CHALLENGE)
    expires_at = now + CHALLENGE_LIFETIME
    await challenges.insert_challenge(
        id=uuid4(),
        token_hash=token_hash(TokenKind.CHALLENGE, token),
        user_id=user.id,
        transport=transport,
        created_at=now,
        expires_at=expires_at,
    )
    return SecondFactorRequired(token, expires_at, tuple(factor.kind for factor in available))


async def verify_login(services: Services, client: Client, challenge_token: str, *, kind: str, text: str) -> LoggedIn:
    """Check what the user entered for a kind of second factor, and start a session.

    Raises:
        ChallengeExpiredError: The challenge is unknown, used, expired, or was ended by a change to the account.
        SecondFactorLockedError: The factor had too many failures between two completed sign-ins.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        WrongSecondFactorError: The text is wrong, expired, already used or malformed.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
    """
    hashed = token_hash(TokenKind.CHALLENGE, challenge_token)
    if hashed is None:
        raise ChallengeExpiredError
    factor = factor_of(kind)
    async with _padded_response_time(), ip_rate_limited(services, client):
        if isinstance(factor, HashedFactor):
            return await _verify_hashed(services, client, hashed, factor, text)
        async with services.database.transaction():
            locked, normalised = await _reserve_attempt(services, hashed, factor, text)
            return await _decide(services, client, locked, factor, locked.rows, normalised)


@dataclass(frozen=True, slots=True)
class _LockedChallenge:
    """A valid challenge and its account. The user's row is locked."""

    challenge: models.Challenge
    user: models.User
    company: models.Company
    # The user's rows of the factor.
    rows: Sequence[Any]


async def _verify_hashed(
    services: Services, client: Client, challenge_hash: str, factor: HashedFactor, text: str
) -> LoggedIn:
    async with services.hashing.admit(Requester(account=challenge_hash, address=client.ip_address)) as hasher:
        async with services.database.transaction():
            reserved, normalised = await _reserve_attempt(services, challenge_hash, factor, text)
        text_hash = await factor.hash(services, hasher, reserved.rows, normalised)
    async with services.database.transaction():
        locked = await _lock_challenge(challenge_hash, factor, services.now())
        # The rows that the hash was computed for. If they were replaced in the meantime, the hash matches nothing.
        return await _decide(services, client, locked, factor, reserved.rows, text_hash)


async def _reserve_attempt(
    services: Services, challenge_hash: str, factor: Factor, text: str
) -> tuple[_LockedChallenge, str]:
    """Lock the challenge and reserve an attempt. Return the normalised text too."""
    now = services.now()
    locked = await _lock_challenge(challenge_hash, factor, now)
    limit = attempt_limits.second_factor_limit(locked.user.id, factor.kind)
    normalised = factor.normalise(text)
    if normalised is None:
        raise WrongSecondFactorError(await attempt_limits.remaining_attempts(limit, now), was_checked=False)
    await attempt_limits.reserve_attempt(limit, now)
    return locked, normalised


async def _decide(  # noqa: PLR0913, PLR0917  # each is a part of the check
    services: Services, client: Client, locked: _LockedChallenge, factor: Factor, rows: Sequence[Any], text: str
) -> LoggedIn:
    """Start a session if the text is right."""
    if not await factor.verify(Check(services, client, locked.user, locked.company, rows), text):
        await _raise_wrong_second_factor(services, client, locked.user, factor.kind)
    return await _complete(services, client, locked, factor.kind)


async def _lock_challenge(challenge_hash: str, factor: Factor, now: datetime) -> _LockedChallenge:
    await challenges.lock_user_of_challenge(challenge_hash)
    # A separate statement reads what was committed while this one waited for the lock: the challenge may be used.
    found = await challenges.find_challenge(
        challenge_hash,
        factor.table,
        in_force=factor.in_force,
        unexpired_at=now,
        created_before=now + CLOCK_SLACK,
    )
    if found is None:
        raise ChallengeExpiredError
    return _LockedChallenge(*found)


async def _complete(services: Services, client: Client, locked: _LockedChallenge, kind: str) -> LoggedIn:
    """Use the challenge and start a session. The DELETE lets exactly one of all simultaneous calls do it."""
    if not await challenges.use_challenge(locked.challenge.id):
        raise ChallengeExpiredError
    await attempt_limits.release_second_factor_attempts(locked.user.id, kind)
    return await start_session(
        services, client, locked.user, locked.company, transport=locked.challenge.transport, second_factor=kind
    )


async def _raise_wrong_second_factor(services: Services, client: Client, user: models.User, factor: str) -> NoReturn:
    now = services.now()
    limit = attempt_limits.second_factor_limit(user.id, factor)
    await audit.record(SecurityEventKind.SECOND_FACTOR_FAILED, user=user, client=client, now=now, note=factor)
    count = await attempt_limits.count_of(limit)
    locked = is_locked(count.failures_since_sign_in)
    if locked or count.failures >= FREE_ATTEMPTS:
        await audit.record(SecurityEventKind.LOCKED, user=user, client=client, now=now, note=factor)
        await _send_warning(client, user, now, factor=factor, locked=locked)
    raise CommitAndRaise(WrongSecondFactorError(attempts_remaining(count.failures)))


async def _send_warning(client: Client, user: models.User, now: datetime, *, factor: str, locked: bool) -> None:
    """Send an email, at most once a day, about failed second factors after a correct password (ASVS 6.3.5)."""
    if user.second_factor_warned_at and user.second_factor_warned_at > now - WARNING_INTERVAL:
        return
    user.second_factor_warned_at = now
    await user.save(update_fields=["second_factor_warned_at"])
    request = audit.request_details(client, now)
    await outbox.enqueue(emails.second_factor_warning(request, factor=factor, locked=locked), to=user, now=now)
