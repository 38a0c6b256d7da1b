"""The authenticators of a user whose 2FA is active: replace one, add one, remove one.

2FA stays active throughout. `twofactor/confirmation.py` confirms a new authenticator, as it does for an activation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import UUID

import models
from accounts import audit
from accounts.entities import User
from accounts.event_facts import EventFacts
from accounts.free_text import normalise_free_text
from accounts.known_devices import forget_other_devices
from accounts.permissions import Viewer, may_see_all_of
from accounts.reauthentication import (
    LockedAccount,
    end_challenges_and_activations,
    end_other_sessions,
    locked_account,
)
from accounts.second_factor_of_changes import EnteredSecondFactor, reauthenticate_for_change, require_second_factor
from accounts.services import Client, Services
from accounts.session_tokens import MayReplaceToken, SessionToken, replace_session_token
from mail import emails, outbox
from mail.emails import Email, RequestDetails
from models import ActivationPurpose, SecurityEventKind
from security.constants import AUTHENTICATOR_NAME_MAX_LENGTH, AUTHENTICATORS_PER_USER, OTP_PERIOD_S
from twofactor.enrolment import begin_enrolment
from twofactor.errors import (
    ActivationExpiredError,
    AuthenticatorNotFoundError,
    LastAuthenticatorError,
    TooManyAuthenticatorsError,
    TwoFactorNotActiveError,
)
from twofactor.factors.authenticator import AuthenticatorActivation
from twofactor.factors.registry import OTP, enrollable_factor_of


@dataclass(frozen=True, slots=True)
class Authenticator:
    """An authenticator in force, without its secret."""

    id: UUID
    name: str | None
    created_at: datetime
    last_used_at: datetime


@dataclass(frozen=True, slots=True)
class AuthenticatorReplaced(MayReplaceToken):
    """The new authenticator is in force instead of the old one."""

    viewer: User


@dataclass(frozen=True, slots=True)
class AuthenticatorAdded(MayReplaceToken):
    """The new authenticator is in force beside the others."""

    viewer: User


@dataclass(frozen=True, slots=True)
class AuthenticatorRemoved:
    """The authenticator is no longer in force."""

    authenticator_id: UUID
    viewer: User


EmailOf: TypeAlias = Callable[[RequestDetails, str | None], Email]
# What a confirmed authenticator leaves: an audit event, an email and the result.
_ENROLLED: Mapping[
    ActivationPurpose, tuple[SecurityEventKind, EmailOf, type[AuthenticatorReplaced] | type[AuthenticatorAdded]]
] = {
    ActivationPurpose.REPLACE: (
        SecurityEventKind.AUTHENTICATOR_REPLACED,
        lambda request, _name: emails.authenticator_replaced(request),
        AuthenticatorReplaced,
    ),
    ActivationPurpose.ADD: (
        SecurityEventKind.AUTHENTICATOR_ADDED,
        lambda request, name: emails.authenticator_added(request, name=name),
        AuthenticatorAdded,
    ),
}


async def start_replacement(  # noqa: PLR0913, PLR0917  # each is an argument of the mutation
    services: Services,
    client: Client,
    viewer: Viewer,
    password: str,
    second_factor: EnteredSecondFactor,
    replaced_id: UUID | None = None,
) -> AuthenticatorActivation:
    """Start to replace an authenticator, or all of them. They stay in force until the new one is confirmed.

    The second factor is required, whatever the rule of the company account. Otherwise somebody with a session and the
    password could swap a factor that is enforced.

    Raises:
        WrongPasswordError: The password is wrong.
        WrongSecondFactorError: The second factor is wrong, expired, already used or malformed.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
        TwoFactorNotActiveError: 2FA is not active.
        AuthenticatorNotFoundError: The user has no such authenticator.
    """
    proof = await reauthenticate_for_change(services, client, viewer, password, second_factor, always=True)
    async with locked_account(services, proof) as account:
        authenticators = await _ids_in_force(account)
        if replaced_id is not None and replaced_id not in authenticators:
            raise AuthenticatorNotFoundError
        await require_second_factor(services, client, account, second_factor, always=True)
        await _record(services, client, account, SecurityEventKind.AUTHENTICATOR_SETUP_STARTED)
        return await begin_enrolment(services, account, OTP, ActivationPurpose.REPLACE, replaced_id=replaced_id)


async def start_addition(  # noqa: PLR0913, PLR0917  # each is an argument of the mutation
    services: Services, client: Client, viewer: Viewer, password: str, second_factor: EnteredSecondFactor, name: str
) -> AuthenticatorActivation:
    """Start to add an authenticator, which the user calls by a name.

    Raises:
        InvalidInputError: The name is longer than 64 characters, or is not plain text.
        WrongPasswordError: The password is wrong.
        WrongSecondFactorError: The second factor is wrong, expired, already used or malformed.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
        TwoFactorNotActiveError: 2FA is not active.
        TooManyAuthenticatorsError: The user has five authenticators.
    """
    name = normalise_free_text("name", name, max_length=AUTHENTICATOR_NAME_MAX_LENGTH)
    proof = await reauthenticate_for_change(services, client, viewer, password, second_factor, always=True)
    async with locked_account(services, proof) as account:
        if len(await _ids_in_force(account)) >= AUTHENTICATORS_PER_USER:
            raise TooManyAuthenticatorsError
        await require_second_factor(services, client, account, second_factor, always=True)
        await _record(services, client, account, SecurityEventKind.AUTHENTICATOR_SETUP_STARTED)
        return await begin_enrolment(services, account, OTP, ActivationPurpose.ADD, name=name or None)


async def enrol_authenticator(
    services: Services,
    client: Client,
    account: LockedAccount,
    activation: models.Activation,
    old_token: SessionToken | None,
) -> AuthenticatorReplaced | AuthenticatorAdded:
    """Put a confirmed authenticator in force. The DELETE lets exactly one of all simultaneous calls do it."""
    if not await models.Activation.filter(id=activation.id).delete():
        raise ActivationExpiredError(may_restart=False)
    now, user = services.now(), account.user
    factor = enrollable_factor_of(activation.factor)
    replaces = activation.purpose is ActivationPurpose.REPLACE
    if replaces:
        await factor.remove(user.id, only=activation.replaced_authenticator_id)
    await factor.enrol(activation, now, by_acknowledgement=False)
    await end_challenges_and_activations(user.id)
    if replaces:
        await end_other_sessions(account.session)
        await forget_other_devices(user.id, keep=account.session.device_id)
    new_token = await replace_session_token(services, account.session, old_token)
    kind, email_of, result = _ENROLLED[activation.purpose]
    await _record(services, client, account, kind)
    email = email_of(audit.request_details(client, now), activation.authenticator_name)
    await outbox.enqueue(email, to=user, now=now)
    return result(account.viewer.user, new_token=new_token)


async def remove_authenticator(  # noqa: PLR0913  # each is an argument of the mutation
    services: Services,
    client: Client,
    viewer: Viewer,
    authenticator_id: UUID | None,
    password: str,
    *,
    second_factor: EnteredSecondFactor | None = None,
) -> AuthenticatorRemoved:
    """Remove an authenticator, for example that of a lost device, while another one is left.

    Raises:
        WrongPasswordError: The password is wrong.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
        TwoFactorNotActiveError: 2FA is not active.
        AuthenticatorNotFoundError: The user has no such authenticator.
        LastAuthenticatorError: It is the only one.
        SecondFactorNeededError: The company account requires the second factor.
        WrongSecondFactorError: The second factor is wrong, expired, already used or malformed.
    """
    proof = await reauthenticate_for_change(services, client, viewer, password, second_factor)
    async with locked_account(services, proof) as account:
        in_force = await _ids_in_force(account)
        if authenticator_id is None or authenticator_id not in in_force:
            raise AuthenticatorNotFoundError
        if len(in_force) == 1:
            raise LastAuthenticatorError
        await require_second_factor(services, client, account, second_factor)
        now, user = services.now(), account.user
        await OTP.remove(user.id, only=authenticator_id)
        await end_challenges_and_activations(user.id)
        await end_other_sessions(account.session)
        await forget_other_devices(user.id, keep=account.session.device_id)
        await _record(services, client, account, SecurityEventKind.AUTHENTICATOR_REMOVED)
        email = emails.authenticator_removed(audit.request_details(client, now), name=in_force[authenticator_id])
        await outbox.enqueue(email, to=user, now=now)
        return AuthenticatorRemoved(authenticator_id, account.viewer.user)


async def list_authenticators_of(
    services: Services, viewer: Viewer, users: Sequence[User]
) -> list[tuple[Authenticator, ...]]:
    """Return the authenticators of each user, the oldest first. Return none for users that the viewer may not see."""
    visible = {user.id for user in users if may_see_all_of(viewer, user)}
    async with services.database.reading():
        rows = await models.Authenticator.filter(user_id__in=visible).order_by("created_at", "id") if visible else []
    of_user: dict[UUID, list[models.Authenticator]] = {}
    for row in rows:
        of_user.setdefault(row.user_id, []).append(row)
    return [tuple(_authenticator(row, user) for row in of_user.get(user.id, ())) for user in users]


async def find_authenticator(services: Services, viewer: Viewer, authenticator_id: UUID) -> Authenticator | None:
    """Return an authenticator of the viewer, or None."""
    (authenticators,) = await list_authenticators_of(services, viewer, [viewer.user])
    return next((each for each in authenticators if each.id == authenticator_id), None)


def _authenticator(row: models.Authenticator, user: User) -> Authenticator:
    last_used_at = datetime.fromtimestamp(row.last_step * OTP_PERIOD_S, UTC)
    return Authenticator(row.id, row.name, row.created_at or user.two_factor.activated_at or last_used_at, last_used_at)


async def _ids_in_force(account: LockedAccount) -> Mapping[UUID, str | None]:
    """Return the ids and names of the user's authenticators."""
    if account.user.two_factor_activated_at is None:
        raise TwoFactorNotActiveError
    return {row.id: row.name for row in await models.Authenticator.filter(user_id=account.user.id)}


async def _record(services: Services, client: Client, account: LockedAccount, kind: SecurityEventKind) -> None:
    await audit.record(kind, user=account.user, client=client, now=services.now(), facts=EventFacts(OTP.kind))
