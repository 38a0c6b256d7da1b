"""Change the account of a user whose row is locked: role, enabled or disabled, and waits at the login.

An admin and the operator have the same effects. Without `by`, it is the operator. If nothing has to change, there is no
event and no email. A disabled user, who cannot log in, gets an email only about being disabled.
"""

import models
from accounts import attempt_limits, audit
from accounts.event_facts import NO_FACTS, Change, EventFacts
from accounts.known_devices import forget_other_devices
from accounts.reauthentication import end_challenges_and_activations
from accounts.services import Client, Services
from mail import emails, outbox
from mail.emails import Email
from models import ChangedField, Role, SecurityEventKind


async def set_role(
    services: Services, client: Client, user: models.User, role: Role, *, by: models.User | None
) -> None:
    """Change the role. Sessions continue with the new role. Challenges and activations end."""
    change = Change(ChangedField.ROLE, user.role.value, role.value)
    if not await models.User.filter(id=user.id).exclude(role=role).update(role=role):
        return
    user.role = role
    await end_challenges_and_activations(user.id)
    facts = EventFacts(change=(change,))
    await _record(services, client, SecurityEventKind.ROLE_CHANGED, user, by=by, facts=facts)
    if user.is_enabled:
        await _send(services, emails.role_changed(at=services.now(), by=_name(by), role=role.value), user)


async def disable(services: Services, client: Client, user: models.User, *, by: models.User | None) -> None:
    """Disable the user, so that they cannot log in. End everything that is open."""
    if not await models.User.filter(id=user.id, is_enabled=True).update(is_enabled=False):
        return
    user.is_enabled = False
    await end_everything_open(user)
    await _record(services, client, SecurityEventKind.USER_DISABLED, user, by=by)
    await _send(services, emails.user_disabled(at=services.now(), by=_name(by)), user)


async def enable(services: Services, client: Client, user: models.User, *, by: models.User | None) -> None:
    """Enable the user, so that they can log in again."""
    if not await models.User.filter(id=user.id, is_enabled=False).update(is_enabled=True):
        return
    user.is_enabled = True
    await _record(services, client, SecurityEventKind.USER_ENABLED, user, by=by)
    await _send(services, emails.user_enabled(at=services.now(), by=_name(by)), user)


async def unlock(services: Services, client: Client, user: models.User, *, by: models.User | None) -> None:
    """End the waits and locks of strangers at the login. Those of known devices and live sessions are their own."""
    if not await attempt_limits.end_locks_of_strangers(services, user):
        return
    await _record(services, client, SecurityEventKind.USER_UNLOCKED, user, by=by)
    if user.is_enabled:
        await _send(services, emails.user_unlocked(at=services.now(), by=_name(by)), user)


async def end_everything_open(user: models.User) -> None:
    """End the user's sessions, challenges and activations, and forget their devices."""
    await models.Session.filter(user_id=user.id).delete()
    await forget_other_devices(user.id)
    await end_challenges_and_activations(user.id)


async def _record(  # noqa: PLR0913  # each is a fact of the event
    services: Services,
    client: Client,
    kind: SecurityEventKind,
    user: models.User,
    *,
    by: models.User | None,
    facts: EventFacts = NO_FACTS,
) -> None:
    await audit.record(kind, user=user, actor=by, client=client, now=services.now(), facts=facts)


async def _send(services: Services, email: Email, user: models.User) -> None:
    await outbox.enqueue(email, to=user, now=services.now())


def _name(by: models.User | None) -> str | None:
    return by.name if by else None
