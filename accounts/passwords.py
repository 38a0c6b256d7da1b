"""Change one's own password."""

from dataclasses import dataclass

import models
from accounts import audit
from accounts.entities import User
from accounts.errors import PasswordTooWeakError
from accounts.known_devices import forget_other_devices
from accounts.password_strength import Weakness, weakness_of
from accounts.permissions import Viewer
from accounts.reauthentication import (
    end_challenges_and_activations,
    end_other_sessions,
    hash_requester,
    locked_account,
    reauthenticate_with,
)
from accounts.services import Client, Services
from accounts.session_tokens import MayReplaceToken, SessionToken, replace_session_token
from mail import emails, outbox
from models import SecurityEventKind
from security.constants import PASSWORD_MAX_LENGTH, PASSWORD_MIN_LENGTH
from security.password_form import forms_to_check
from security.password_hashing import Hasher

# The strength of the new password, and its hash.
NEW_PASSWORD_HASHES = 2


@dataclass(frozen=True, slots=True)
class PasswordChanged(MayReplaceToken):
    """The new password is in force."""

    viewer: User


async def change_password(  # noqa: PLR0913  # each is a part of the request
    services: Services,
    client: Client,
    viewer: Viewer,
    current_password: str,
    new_password: str,
    *,
    old_token: SessionToken | None = None,
) -> PasswordChanged:
    """Set a new password. End the viewer's other sessions, challenges and activations, and send an email.

    All other known devices are forgotten. If `old_token` is given, replace it.

    Raises:
        WrongPasswordError: The current password is wrong.
        PasswordTooWeakError: The new password is too easy to guess, too short or too long.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
    """
    hashes = len(forms_to_check(current_password)) + NEW_PASSWORD_HASHES
    async with services.hashing.admit(hash_requester(viewer), hashes=hashes) as hasher:
        proof = await reauthenticate_with(hasher, services, client, viewer, current_password)
        user = viewer.user
        about = (user.email, user.name, user.company.name)
        new_hash = await hash_unless_weak(services, hasher, new_password, about=about)
    async with locked_account(services, proof) as account:
        if isinstance(new_hash, Weakness):
            is_too_long = new_hash is Weakness.TOO_LONG
            raise PasswordTooWeakError(PASSWORD_MIN_LENGTH, PASSWORD_MAX_LENGTH, is_too_long=is_too_long)
        now = services.now()
        new_token = await replace_session_token(services, account.session, old_token)
        await models.User.filter(id=account.user.id).update(password_hash=new_hash)
        await end_challenges_and_activations(account.user.id)
        await end_other_sessions(account.session)
        await forget_other_devices(account.user.id, keep=account.session.device_id)
        await audit.record(SecurityEventKind.PASSWORD_CHANGED, user=account.user, client=client, now=now)
        await outbox.enqueue(emails.password_changed(audit.request_details(client, now)), to=account.user, now=now)
        return PasswordChanged(account.viewer.user, new_token=new_token)


async def hash_unless_weak(
    services: Services, hasher: Hasher, password: str, *, about: tuple[str, ...]
) -> str | Weakness:
    """Return the hash of a new password, or why it is too weak."""
    weakness = await hasher.run(lambda: weakness_of(password, about=about, rules=services.password_rules))
    return weakness or await hasher.hash_password(password)
