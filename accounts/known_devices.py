"""Known devices: browsers and apps on which a user has completed a sign-in (OWASP: device cookies).

A device token chooses the count of attempts, and nothing else. So the failures of strangers never make a known device
wait. The second factor is always asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from tortoise.queryset import QuerySet

import models
from accounts import attempt_limits, audit
from accounts.attempt_limits import AttemptLimit, UndecidedAttemptsError
from accounts.entities import KnownDevice, User
from accounts.errors import DeviceNotFoundError, SecondFactorLockedError
from accounts.event_facts import NO_FACTS, EventFacts
from accounts.permissions import Viewer
from accounts.services import Client, Services
from mail import emails, outbox
from models import SecurityEventContext, SecurityEventKind
from models.sql import known_devices
from models.sql.counts import count_for_each
from models.sql.users import lock_user
from security.constants import (
    CLOCK_SLACK,
    DEVICE_FAILURES_ALLOWED,
    FIRST_WAIT,
    KNOWN_DEVICE_IDLE_LIFETIME,
    KNOWN_DEVICES_PER_USER,
)
from security.errors import TooManyAttemptsError
from security.fair_queue import Requester
from security.tokens import TokenKind, token_hash


@dataclass(frozen=True, slots=True)
class DeviceTokens:
    """The device tokens that a client has, those of other users too, and whether it wants another one."""

    tokens: tuple[str, ...] = field(default=(), repr=False)
    wants_token: bool = False

    @property
    def hashes(self) -> dict[str, str]:
        """The tokens by their hashes, without what is no device token."""
        hashes = ((token_hash(TokenKind.DEVICE, token), token) for token in self.tokens)
        return {hashed: token for hashed, token in hashes if hashed}


@dataclass(frozen=True, slots=True)
class SignInDevice:
    """The device of a completed sign-in."""

    id: UUID | None = None
    # The token of a device that was not known before.
    new_token: str | None = field(default=None, repr=False)
    # What the client shall keep: the token of this user first, then those of other users.
    tokens: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class DeviceForgotten:
    """A device is no longer known."""

    device_id: UUID
    viewer: User


async def find_device(services: Services, email_key: str, devices: DeviceTokens) -> UUID | None:
    """Return the id of the known device with which somebody asks for this email, or None for a stranger."""
    hashes = list(devices.hashes)
    if not hashes:
        return None
    now = services.now()
    async with services.database.reading():
        device = await known_devices.find_device(
            hashes, email_key, used_after=now - KNOWN_DEVICE_IDLE_LIFETIME, used_before=now + CLOCK_SLACK
        )
    return device.id if device else None


def requester_of(account: str, client: Client, device_id: UUID | None) -> Requester:
    """Return the requester of slow hashes. Many people may share the IP address of a known device."""
    is_known = device_id is not None
    return Requester(account=account, address=None if is_known else client.ip_address, is_known=is_known)


async def reserve_attempt_of(device_id: UUID | None, stranger_limit: AttemptLimit, now: datetime) -> AttemptLimit:
    """Reserve an attempt under the limit of the known device or, without one, under that of strangers. Return it."""
    if device_id is not None:
        limit = attempt_limits.known_device_limit(device_id)
        try:
            await attempt_limits.reserve_attempt(limit, now)
        except SecondFactorLockedError:
            # Five attempts failed in the meantime, and the device is forgotten.
            pass
        except UndecidedAttemptsError:
            raise UndecidedAttemptsError(TooManyAttemptsError(now + FIRST_WAIT)) from None
        else:
            return limit
    await attempt_limits.reserve_attempt(stranger_limit, now)
    return stranger_limit


async def record_failure_of_device(
    services: Services, client: Client, user: models.User, limit: AttemptLimit, device_id: UUID
) -> int:
    """Count the failure of a known device, and forget the device after the last one. Return the attempts left."""
    failures = await attempt_limits.record_failure(limit)
    left = DEVICE_FAILURES_ALLOWED - (failures.in_a_row - failures.undecided)
    if left <= 0:
        await _forget(services, client, user, device_id, EventFacts(during=SecurityEventContext.LOGIN))
    return max(left, 0)


async def recognise_device(  # noqa: PLR0913, PLR0917  # each is a fact of the sign-in
    services: Services,
    client: Client,
    user: models.User,
    company: models.Company,
    device_id: UUID | None,
    devices: DeviceTokens,
) -> SignInDevice:
    """Record a completed sign-in on a device. Remember a device that was not known, if the client wants a token.

    The user's row is locked. If the user already has known devices, an email reports the new one.
    """
    now = services.now()
    known_hash = device_id and await known_devices.record_sign_in_on_device(device_id, user.id, now, client.user_agent)
    if device_id and known_hash:
        await attempt_limits.reset_known_device_limit(device_id)
        hashes = devices.hashes
        own = [hashes.pop(known_hash)] if known_hash in hashes else []
        return SignInDevice(device_id, tokens=(*own, *hashes.values()))
    if not devices.wants_token:
        return SignInDevice()
    has_known_devices = await models.KnownDevice.filter(user_id=user.id).exists()
    await known_devices.delete_least_used_devices(user.id, keep=KNOWN_DEVICES_PER_USER - 1)
    new_id, token = uuid4(), services.new_token(TokenKind.DEVICE)
    await known_devices.insert_device(
        id=new_id,
        token_hash=token_hash(TokenKind.DEVICE, token),
        user_id=user.id,
        user_agent=client.user_agent,
        first_seen_at=now,
        last_seen_at=now,
    )
    if has_known_devices and company.new_device_emails:
        await outbox.enqueue(emails.new_device(audit.request_details(client, now)), to=user, now=now)
    return SignInDevice(new_id, token, (token, *await _good_tokens(services, devices)))


async def _good_tokens(services: Services, devices: DeviceTokens) -> tuple[str, ...]:
    hashes = devices.hashes
    if not hashes:
        return ()
    good = await known_devices.find_good_tokens(list(hashes), used_after=services.now() - KNOWN_DEVICE_IDLE_LIFETIME)
    return tuple(token for hashed, token in hashes.items() if hashed in good)


async def list_devices(services: Services, viewer: Viewer) -> tuple[KnownDevice, ...]:
    """Return the viewer's known devices, the most recently used first."""
    known = _devices_in_use(services.now())
    async with services.database.reading():
        rows = await known.filter(user_id=viewer.user.id).order_by("-last_seen_at", "-id")
    return tuple(KnownDevice.of(row, current=row.id == viewer.session.device_id) for row in rows)


async def count_devices(services: Services, users: Sequence[User]) -> list[int]:
    """Return the number of known devices of each user, in one SQL statement."""
    known = _devices_in_use(services.now())
    async with services.database.reading():
        return await count_for_each(known, [user.id for user in users])


def _devices_in_use(now: datetime) -> QuerySet[models.KnownDevice]:
    return models.KnownDevice.filter(last_seen_at__gt=now - KNOWN_DEVICE_IDLE_LIFETIME)


async def find_listed_device(services: Services, viewer: Viewer, device_id: UUID) -> KnownDevice | None:
    """Return one of the viewer's known devices, or None."""
    return next((device for device in await list_devices(services, viewer) if device.id == device_id), None)


async def forget_device(services: Services, client: Client, viewer: Viewer, device_id: UUID | None) -> DeviceForgotten:
    """Forget one of the viewer's known devices. Its sessions continue.

    Raises:
        DeviceNotFoundError: The viewer has no such device.
    """
    async with services.database.transaction():
        user = await lock_user(viewer.user.id)
        if device_id is None or user is None or not await _forget(services, client, user, device_id):
            raise DeviceNotFoundError
    return DeviceForgotten(device_id, viewer.user)


async def forget_other_devices(user_id: UUID, *, keep: UUID | None = None) -> None:
    """Forget all devices of a user except one. The user's row is locked, and the user has no challenge."""
    devices = models.KnownDevice.filter(user_id=user_id)
    await (devices.exclude(id=keep) if keep else devices).delete()


async def _forget(
    services: Services, client: Client, user: models.User, device_id: UUID, facts: EventFacts = NO_FACTS
) -> bool:
    if not await models.KnownDevice.filter(id=device_id, user_id=user.id).delete():
        return False
    # Further attempts at its challenges are those of a stranger. Its count stays, so that no attempt that has already
    # found the device starts a new one.
    await models.Challenge.filter(user_id=user.id, device_id=device_id).update(device_id=None)
    await audit.record(SecurityEventKind.DEVICE_FORGOTTEN, user=user, client=client, now=services.now(), facts=facts)
    return True
