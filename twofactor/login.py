"""Sign in: email and password, then an OTP or, in an emergency, a backup code."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn
from uuid import UUID, uuid4

import models
from accounts import attempt_limits, audit, security_policy
from accounts.attempt_limits import AttemptLimit, ip_rate_limited
from accounts.attempt_waits import attempts_remaining, is_locked
from accounts.errors import FailedAttemptError, WrongEmailOrPasswordError
from accounts.identity import email_key
from accounts.password_strength import could_be_password
from accounts.reauthentication import record_wrong_password
from accounts.services import Client, Services
from accounts.sessions import LoggedIn, start_session
from mail import outbox
from models import EmailKind, Factor, SecondFactorMethod, SecurityEventKind, SessionTransport
from models.database import CommitAndRaise
from models.sql import challenges
from models.sql.users import company_of, find_user_by_email_key, lock_user
from security.constants import (
    CHALLENGE_LIFETIME,
    CHALLENGES_PER_USER,
    CLOCK_SLACK,
    FEW_BACKUP_CODES,
    FREE_ATTEMPTS,
    RESPONSE_PADDING_S,
    WARNING_INTERVAL,
)
from security.fair_queue import Requester
from security.tokens import TokenKind, token_hash
from twofactor.errors import ChallengeExpiredError, WrongSecondFactorError
from twofactor.factors.authenticator import use_otp
from twofactor.factors.backup_code_format import normalise_backup_code
from twofactor.factors.backup_codes import hash_for_check, use_backup_code
from twofactor.factors.totp import is_well_formed_otp

# No user has the nil UUID (RFC 9562 §5.9). For an unknown email the server runs the same SQL statements with this id.
UNKNOWN_USER_ID = UUID(int=0)


@dataclass(frozen=True, slots=True)
class SecondFactorRequired:
    """Email and password are right. The client has to send a second factor."""

    challenge_token: str = field(repr=False)
    expires_at: datetime
    methods: tuple[SecondFactorMethod, ...]


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
            company = await company_of(user)
            if user.two_factor_activated_at is None:
                return await start_session(services, client, user, company, transport=transport, second_factor=None)
            return await _open_challenge(services, user, company, transport)


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


async def _open_challenge(
    services: Services, user: models.User, company: models.Company, transport: SessionTransport
) -> SecondFactorRequired:
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
    has_backup_codes = security_policy.backup_codes_enabled(company) and user.backup_codes_remaining > 0
    methods = (SecondFactorMethod.OTP,) + (SecondFactorMethod.BACKUP_CODE,) * has_backup_codes
    return SecondFactorRequired(token, expires_at, methods)


async def verify_login(
    services: Services, client: Client, challenge_token: str, *, otp: str | None, backup_code: str | None
) -> LoggedIn:
    """Check an OTP or a backup code, and start a session.

    Raises:
        ChallengeExpiredError: The challenge is unknown, used, expired, or was ended by a change to the account.
        SecondFactorLockedError: The factor had too many failures between two completed sign-ins.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        WrongSecondFactorError: The OTP or backup code is wrong, expired, already used or malformed.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
    """
    hashed = token_hash(TokenKind.CHALLENGE, challenge_token)
    if hashed is None:
        raise ChallengeExpiredError
    async with _padded_response_time(), ip_rate_limited(services, client):
        if otp is not None:
            return await _verify_otp(services, client, hashed, otp)
        return await _verify_backup_code(services, client, hashed, backup_code or "")


async def _verify_otp(services: Services, client: Client, challenge_hash: str, otp: str) -> LoggedIn:
    now = services.now()
    async with services.database.transaction():
        locked = await _lock_challenge(challenge_hash, now)
        limit = attempt_limits.second_factor_limit(locked.user.id, Factor.OTP)
        if not is_well_formed_otp(otp):
            raise WrongSecondFactorError(await attempt_limits.remaining_attempts(limit, now), was_checked=False)
        await attempt_limits.reserve_attempt(limit, now)
        if not await use_otp(services, locked.authenticator, otp, now):
            await _raise_wrong_second_factor(services, client, locked.user, limit)
        return await _complete(services, client, locked, SecondFactorMethod.OTP)


async def _verify_backup_code(services: Services, client: Client, challenge_hash: str, text: str) -> LoggedIn:
    code = normalise_backup_code(text)
    async with services.hashing.admit(Requester(account=challenge_hash, address=client.ip_address)) as hasher:
        # The turn may come late, so read the time after it.
        now = services.now()
        async with services.database.transaction():
            locked = await _lock_challenge(challenge_hash, now)
            limit = attempt_limits.second_factor_limit(locked.user.id, Factor.BACKUP_CODE)
            if code is None:
                raise WrongSecondFactorError(await attempt_limits.remaining_attempts(limit, now), was_checked=False)
            await attempt_limits.reserve_attempt(limit, now)
            code_set = await models.BackupCodeSet.filter(user_id=locked.user.id, activation_id__isnull=True).first()
        code_hash = await hash_for_check(services, hasher, code, code_set)
    async with services.database.transaction():
        locked = await _lock_challenge(challenge_hash, services.now())
        if not await use_backup_code(locked.company, code_set, code_hash, services.now()):
            await _raise_wrong_second_factor(services, client, locked.user, limit)
        await _record_used_backup_code(services, client, locked.user)
        return await _complete(services, client, locked, SecondFactorMethod.BACKUP_CODE)


async def _record_used_backup_code(services: Services, client: Client, user: models.User) -> None:
    now = services.now()
    user.backup_codes_remaining -= 1
    await audit.record(SecurityEventKind.BACKUP_CODE_USED, user=user, client=client, now=now)
    await outbox.enqueue(
        EmailKind.BACKUP_CODE_USED,
        to=user,
        now=now,
        facts=audit.request_details(client, now) | {"remaining": user.backup_codes_remaining},
    )
    if user.backup_codes_remaining <= FEW_BACKUP_CODES:
        await outbox.enqueue(
            EmailKind.FEW_BACKUP_CODES_LEFT, to=user, now=now, facts={"remaining": user.backup_codes_remaining}
        )


@dataclass(frozen=True, slots=True)
class _LockedChallenge:
    """A valid challenge and its account. The user's row is locked."""

    challenge: models.Challenge
    user: models.User
    company: models.Company
    authenticator: models.Authenticator


async def _lock_challenge(challenge_hash: str, now: datetime) -> _LockedChallenge:
    await challenges.lock_user_of_challenge(challenge_hash)
    # A separate statement reads what was committed while this one waited for the lock: the challenge may be used.
    found = await challenges.find_challenge(challenge_hash, unexpired_at=now, created_before=now + CLOCK_SLACK)
    if found is None:
        raise ChallengeExpiredError
    return _LockedChallenge(*found)


async def _complete(
    services: Services, client: Client, locked: _LockedChallenge, method: SecondFactorMethod
) -> LoggedIn:
    """Use the challenge and start a session. The DELETE lets exactly one of all simultaneous calls do it."""
    if not await challenges.use_challenge(locked.challenge.id):
        raise ChallengeExpiredError
    await attempt_limits.release_second_factor_attempts(locked.user.id, Factor(method.value))
    return await start_session(
        services, client, locked.user, locked.company, transport=locked.challenge.transport, second_factor=method
    )


async def _raise_wrong_second_factor(
    services: Services, client: Client, user: models.User, limit: AttemptLimit
) -> NoReturn:
    now = services.now()
    factor = limit.factor.value
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
    await outbox.enqueue(
        EmailKind.SECOND_FACTOR_WARNING,
        to=user,
        now=now,
        facts=audit.request_details(client, now) | {"factor": factor, "locked": locked},
    )
