"""The second step of a sign-in: an OTP or, in an emergency, a backup code."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

import models
from accounts import attempt_limits, audit, warnings
from accounts.attempt_limits import (
    AttemptLimit,
    IpRateLimit,
    ip_rate_limited,
    reserve_when_decided,
)
from accounts.attempt_waits import is_locked
from accounts.errors import SecondFactorLockedError
from accounts.event_facts import EventFacts
from accounts.known_devices import (
    DeviceTokens,
    recognise_device,
    record_failure_of_device,
    requester_of,
    reserve_attempt_of,
)
from accounts.other_admins import has_other_admin
from accounts.response_padding import padded_response_time
from accounts.services import Client, Services
from accounts.sessions import LoggedIn, start_session
from mail import emails
from models import KNOWN_DEVICE, SecondFactorMethod, SecurityEventContext, SecurityEventKind
from models.database import CommitAndRaise
from models.sql import challenges
from security.constants import (
    CLOCK_SLACK,
    FREE_ATTEMPTS,
    RESPONSE_PADDING_S,
)
from security.tokens import TokenKind, token_hash
from twofactor.errors import ChallengeExpiredError, WrongSecondFactorError
from twofactor.factors.factor import Check, Factor, HashedFactor
from twofactor.factors.registry import available_factors, factor_of


async def verify_login(  # noqa: PLR0913  # each is an argument of the mutation
    services: Services,
    client: Client,
    challenge_token: str,
    *,
    kind: str,
    text: str,
    device_tokens: tuple[str, ...] = (),
) -> LoggedIn:
    """Check what the user entered for a kind of second factor, and start a session.

    Raises:
        ChallengeExpiredError: The challenge is unknown, used, expired, or was ended by a change to the account.
        SecondFactorLockedError: The factor had too many failures between two completed sign-ins.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        WrongSecondFactorError: The text is wrong, expired, already used or malformed.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
        InvalidInputError: The client could not store the session. The server checked and counted nothing.
    """
    hashed = token_hash(TokenKind.CHALLENGE, challenge_token)
    if hashed is None:
        raise ChallengeExpiredError
    factor = factor_of(kind)
    async with padded_response_time(RESPONSE_PADDING_S), ip_rate_limited(services, client) as ip_limit:
        attempt = _Attempt(services, client, hashed, factor, factor.normalise(text), device_tokens, ip_limit)
        try:
            return await _verify(attempt)
        except SecondFactorLockedError:
            raise await _what_helps(attempt) from None


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An attempt at a second factor of a login."""

    services: Services
    client: Client
    challenge_hash: str
    factor: Factor
    # The normalised text, or None if it is malformed.
    text: str | None = field(repr=False)
    device_tokens: tuple[str, ...] = field(repr=False)
    ip_limit: IpRateLimit


@dataclass(frozen=True, slots=True)
class _LockedChallenge:
    """A valid challenge and its account. The user's row is locked."""

    challenge: models.Challenge
    user: models.User
    company: models.Company
    # The user's rows of the factor.
    rows: Sequence[Any]


async def _verify(attempt: _Attempt) -> LoggedIn:
    if isinstance(attempt.factor, HashedFactor):
        return await _verify_hashed(attempt, attempt.factor)

    async def reserve_and_decide() -> LoggedIn:
        async with attempt.services.database.transaction():
            locked, limit, normalised = await _reserve_attempt(attempt)
            return await _decide(attempt, locked, limit, locked.rows, normalised)

    return await reserve_when_decided(reserve_and_decide)


async def _what_helps(attempt: _Attempt) -> SecondFactorLockedError | ChallengeExpiredError:
    """Return the error that says what the user can do instead of entering the locked factor."""
    async with attempt.services.database.reading():
        challenge = await models.Challenge.filter(token_hash=attempt.challenge_hash).select_related("user").first()
        if challenge is None:
            # A change to the account has ended it in the meantime.
            return ChallengeExpiredError()
        user = challenge.user
        _, factors = await available_factors(user)
        locked = await attempt_limits.locked_second_factors(user.id)
        others = {factor.kind for factor in factors} - {attempt.factor.kind} - locked
        return SecondFactorLockedError(has_other_factor=bool(others), has_other_admin=await has_other_admin(user))


async def _verify_hashed(attempt: _Attempt, factor: HashedFactor) -> LoggedIn:
    services = attempt.services

    async def reserve() -> tuple[_LockedChallenge, AttemptLimit, str]:
        async with services.database.transaction():
            return await _reserve_attempt(attempt)

    async with services.database.reading():
        device_id = await challenges.find_device_of_challenge(attempt.challenge_hash)
    async with services.hashing.admit(requester_of(attempt.challenge_hash, attempt.client, device_id)) as hasher:
        reserved, limit, normalised = await reserve_when_decided(reserve, hasher)
        text_hash = await factor.hash(services, hasher, reserved.rows, normalised)
    async with services.database.transaction():
        locked = await _lock_challenge(attempt, services.now())
        # The rows that the hash was computed for. If they were replaced in the meantime, the hash matches nothing.
        return await _decide(attempt, locked, limit, reserved.rows, text_hash)


async def _reserve_attempt(attempt: _Attempt) -> tuple[_LockedChallenge, AttemptLimit, str]:
    """Lock the challenge and reserve an attempt. Return its limit and the text too."""
    now = attempt.services.now()
    locked = await _lock_challenge(attempt, now)
    attempt.client.require_storable(locked.challenge.transport, argument="challengeToken")
    device_id = locked.challenge.device_id
    stranger_limit = attempt_limits.second_factor_limit(locked.user.id, attempt.factor.kind)
    limit = attempt_limits.known_device_limit(device_id) if device_id else stranger_limit
    if attempt.text is None:
        remaining = await attempt_limits.remaining_attempts(limit, now)
        attempt.ip_limit.is_required = device_id is None
        only_otp = not factor_of(SecondFactorMethod.BACKUP_CODE).is_available(locked.user, locked.company)
        raise WrongSecondFactorError.of_malformed_input(remaining, only_otp=only_otp)
    if device_id is None:
        attempt.ip_limit.require_allowed()
    return locked, await reserve_attempt_of(device_id, stranger_limit, now), attempt.text


async def _decide(
    attempt: _Attempt, locked: _LockedChallenge, limit: AttemptLimit, rows: Sequence[Any], text: str
) -> LoggedIn:
    """Start a session if the text is right."""
    check = Check(
        attempt.services, attempt.client, locked.user, locked.company, rows, during=SecurityEventContext.LOGIN
    )
    if not await attempt.factor.verify(check, text):
        await _raise_wrong_second_factor(attempt, locked, limit)
    return await _complete(attempt, locked, limit)


async def _lock_challenge(attempt: _Attempt, now: datetime) -> _LockedChallenge:
    await challenges.lock_user_of_challenge(attempt.challenge_hash)
    # A separate statement reads what was committed while this one waited for the lock: the challenge may be used.
    found = await challenges.find_challenge(
        attempt.challenge_hash,
        attempt.factor.table,
        in_force=attempt.factor.in_force,
        unexpired_at=now,
        created_before=now + CLOCK_SLACK,
    )
    if found is None:
        raise ChallengeExpiredError
    return _LockedChallenge(*found)


async def _complete(attempt: _Attempt, locked: _LockedChallenge, limit: AttemptLimit) -> LoggedIn:
    """Use the challenge and start a session. The DELETE lets exactly one of all simultaneous calls do it."""
    services, client, challenge = attempt.services, attempt.client, locked.challenge
    if not await challenges.use_challenge(challenge.id):
        raise ChallengeExpiredError
    kind = attempt.factor.kind
    if limit.factor != KNOWN_DEVICE:
        # A success on a known device leaves the failures of strangers as they are.
        await attempt_limits.reset_second_factor_limits(locked.user.id, kind)
    devices = DeviceTokens(attempt.device_tokens, wants_token=challenge.remembers_device)
    device = await recognise_device(services, client, locked.user, locked.company, challenge.device_id, devices)
    return await start_session(
        services,
        client,
        locked.user,
        locked.company,
        transport=challenge.transport,
        second_factor=kind,
        device=device,
    )


async def _raise_wrong_second_factor(attempt: _Attempt, locked: _LockedChallenge, limit: AttemptLimit) -> NoReturn:
    services, client, user = attempt.services, attempt.client, locked.user
    factor, device_id = attempt.factor.kind, locked.challenge.device_id
    now = services.now()
    request = audit.request_details(client, now)
    facts = EventFacts(factor, SecurityEventContext.LOGIN)
    await audit.record(SecurityEventKind.SECOND_FACTOR_FAILED, user=user, client=client, now=now, facts=facts)
    if limit.factor == KNOWN_DEVICE and device_id is not None:
        left = await record_failure_of_device(services, client, user, limit, device_id)
        if left == 0:
            await warnings.warn(user, emails.second_factor_warning(request, factor=factor, locked=False), now)
            # The next attempt is that of a stranger.
            stranger_limit = attempt_limits.second_factor_limit(user.id, factor)
            raise CommitAndRaise(WrongSecondFactorError(*await attempt_limits.attempts_left(stranger_limit, now)))
        raise CommitAndRaise(WrongSecondFactorError(left))
    failures = await attempt_limits.record_failure(limit)
    is_factor_locked = is_locked(failures.since_sign_in)
    if is_factor_locked or failures.in_a_row >= FREE_ATTEMPTS:
        await audit.record(SecurityEventKind.LOCKED, user=user, client=client, now=now, facts=facts)
        await warnings.warn(user, emails.second_factor_warning(request, factor=factor, locked=is_factor_locked), now)
    raise CommitAndRaise(WrongSecondFactorError(failures.attempts_remaining, failures.next_attempt_at))
