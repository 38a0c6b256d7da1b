"""Changing one's own password."""

import models
from mail import outbox
from models import LetterKind, SecurityEventKind
from twofactor import audit
from twofactor.access import Viewer
from twofactor.acting import acting_with, end_challenges_and_activations, end_other_sessions, prove_password
from twofactor.environment import Client, Environment
from twofactor.errors import PasswordTooWeakError
from twofactor.results import PasswordChanged
from twofactor.rules.identity import is_weak_password
from twofactor.rules.policy import PASSWORD_MIN_LENGTH


async def change_password(
    env: Environment, client: Client, viewer: Viewer, current_password: str, new_password: str
) -> PasswordChanged:
    """Set a new password. Every other session and every open challenge of the viewer ends.

    Raises:
        WrongPasswordError: The current password does not match.
        PasswordTooWeakError: The new one is too easy to guess.
        TooManyAttemptsError: The next attempt has to wait; nothing was checked.
        OverloadedError: Too much is being hashed already; nothing was checked or counted.
    """
    with env.hashing.place():
        proof = await prove_password(env, client, viewer, current_password)
        new_hash = await hash_unless_weak(env, new_password, viewer.user.email, viewer.user.name)
    async with acting_with(env, proof) as acting:
        if new_hash is None:
            raise PasswordTooWeakError(PASSWORD_MIN_LENGTH)
        now = env.now()
        await models.User.filter(id=acting.user.id).update(password_hash=new_hash)
        await end_challenges_and_activations(acting.user.id)
        await end_other_sessions(acting.session)
        await audit.record(SecurityEventKind.PASSWORD_CHANGED, user=acting.user, client=client, now=now)
        await outbox.enqueue(
            LetterKind.PASSWORD_CHANGED, to=acting.user, now=now, facts=audit.circumstances(client, now)
        )
        return PasswordChanged(acting.viewer.user)


async def hash_unless_weak(env: Environment, password: str, email: str, name: str) -> str | None:
    """The hash of a new password, or None where it is too easy to guess."""
    about = (email, *email.split("@"), *name.split())
    if await env.hashing.run(lambda: is_weak_password(password, about=about)):
        return None
    return await env.hashing.hash_password(password)
