"""Sign in: email and password, then an OTP or, in an emergency, a backup code."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

import models
from accounts import attempt_limits, audit, warnings
from accounts.attempt_limits import (
    AttemptLimit,
    ip_rate_limited,
    reserve_when_decided,
)
from accounts.attempt_waits import wait_after
from accounts.errors import WrongEmailOrPasswordError
from accounts.identity import email_key
from accounts.known_devices import (
    DeviceTokens,
    find_device,
    recognise_device,
    record_failure_of_device,
    requester_of,
    reserve_attempt_of,
)
from accounts.password_strength import could_be_password
from accounts.reauthentication import record_wrong_password, store_better_hash
from accounts.response_padding import padded_response_time
from accounts.services import Client, Services
from accounts.sessions import LoggedIn, start_session
from mail import emails
from models import KNOWN_DEVICE, SecurityEventKind, SessionTransport
from models.database import CommitAndRaise
from models.sql import challenges
from models.sql.users import company_of, find_user_by_email_key, lock_user
from security.constants import (
    CHALLENGE_LIFETIME,
    CHALLENGES_PER_USER,
    LONGEST_WAIT,
)
from security.password_form import forms_to_check
from security.tokens import TokenKind, token_hash
from twofactor.factors.registry import available_factors

# No user has the nil UUID (RFC 9562 §5.9). For an unknown email the server runs the same SQL statements with this id.
UNKNOWN_USER_ID = UUID(int=0)
NO_DEVICE_TOKENS = DeviceTokens()


@dataclass(frozen=True, slots=True)
class SecondFactorRequired:
    """Email and password are right. The client has to send a second factor."""

    challenge_token: str = field(repr=False)
    expires_at: datetime
    # The kinds of second factor that the user can enter.
    methods: tuple[str, ...]
    is_known_device: bool


async def log_in(  # noqa: PLR0913, PLR0917  # each is an argument of the mutation
    services: Services,
    client: Client,
    email: str,
    password: str,
    transport: SessionTransport,
    devices: DeviceTokens = NO_DEVICE_TOKENS,
) -> LoggedIn | SecondFactorRequired:
    """Check email and password. Start a session, or open a challenge if 2FA is active.

    The steps are the same for a known and an unknown email, so that a client cannot distinguish them (ASVS 6.3.8). The
    attempts of a known device have a limit of their own, and come before those of strangers.

    Raises:
        WrongEmailOrPasswordError: No enabled account has this email and password.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
    """
    key = email_key(email)
    if key is None or not could_be_password(password):
        raise WrongEmailOrPasswordError(was_checked=False)
    device_id = await find_device(services, key, devices)

    stranger_limit = attempt_limits.password_limit(services, key)

    async def reserve() -> tuple[AttemptLimit, models.User | None]:
        async with services.database.transaction():
            limit = await reserve_attempt_of(device_id, stranger_limit, services.now())
            return limit, await find_user_by_email_key(key)

    hashes = len(forms_to_check(password))
    interval_s = services.login_padding.interval_s * hashes
    async with padded_response_time(interval_s), ip_rate_limited(services, client) as ip_limit:
        if device_id is None:
            ip_limit.require_allowed()
        async with services.hashing.admit(requester_of(key, client, device_id), hashes=hashes) as hasher:
            limit, found = await reserve_when_decided(reserve, hasher)
            check = await hasher.check_password(password, found.password_hash if found else None)
        async with services.database.transaction():
            user = await lock_user(found.id if found else UNKNOWN_USER_ID)
            if user is None or not user.is_enabled or not check.is_still_right(user.password_hash):
                next_attempt_at = await _record_wrong_password(services, client, user, limit, device_id, stranger_limit)
                raise CommitAndRaise(WrongEmailOrPasswordError(next_attempt_at))
            if limit.factor == KNOWN_DEVICE:
                # The failures before it still count, until the second factor is right too.
                await attempt_limits.release_attempt(limit)
            else:
                await attempt_limits.reset_wait(limit)
                device_id = None
            await store_better_hash(user, check)
            if user.two_factor_activated_at is not None:
                return await _open_challenge(
                    services, client, user, transport, device_id=device_id, remembers_device=devices.wants_token
                )
            company = await company_of(user)
            device = await recognise_device(services, client, user, company, device_id, devices)
            return await start_session(
                services, client, user, company, transport=transport, second_factor=None, device=device
            )


async def _record_wrong_password(  # noqa: PLR0913, PLR0917  # each is a fact of the attempt
    services: Services,
    client: Client,
    user: models.User | None,
    limit: AttemptLimit,
    device_id: UUID | None,
    stranger_limit: AttemptLimit,
) -> datetime | None:
    """Record the failure. Return the end of the wait before the next attempt, or None if there is no wait."""
    if limit.factor != KNOWN_DEVICE or user is None or device_id is None:
        failures = await record_wrong_password(services, client, SecurityEventKind.LOGIN_FAILED, user, limit)
        if user is not None and wait_after(failures.in_a_row) == LONGEST_WAIT:
            now = services.now()
            await warnings.warn(user, emails.password_warning(audit.request_details(client, now)), now)
        return failures.next_attempt_at
    await audit.record(SecurityEventKind.LOGIN_FAILED, user=user, client=client, now=services.now())
    if await record_failure_of_device(services, client, user, limit, device_id) > 0:
        return None
    # The device is forgotten, so the next attempt is that of a stranger.
    _, next_attempt_at = await attempt_limits.attempts_left(stranger_limit, services.now())
    return next_attempt_at


async def _open_challenge(  # noqa: PLR0913  # each is a fact of the challenge
    services: Services,
    client: Client,
    user: models.User,
    transport: SessionTransport,
    *,
    device_id: UUID | None,
    remembers_device: bool,
) -> SecondFactorRequired:
    _, available = await available_factors(user)
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
        device_id=device_id,
        remembers_device=remembers_device,
        created_at=now,
        expires_at=expires_at,
        ip_address=client.ip_address,
        user_agent=client.user_agent,
    )
    await audit.record(SecurityEventKind.SECOND_FACTOR_REQUIRED, user=user, client=client, now=now)
    return SecondFactorRequired(
        token, expires_at, tuple(factor.kind for factor in available), is_known_device=device_id is not None
    )
