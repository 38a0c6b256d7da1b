"""Acting on one's own account: the user's row is locked, and everything that was believed is looked at again.

Whatever changes an account begins here, so that on PostgreSQL all changes to one account happen one after the other, as
on SQLite all changes do.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import models
from models import SecurityEventKind
from models.database import CommitAndRaise
from models.statements import LOCKING, find
from twofactor import attempts, audit
from twofactor.access import Viewer
from twofactor.attempts import Budget
from twofactor.environment import Client, Environment
from twofactor.errors import TwoFactorError, UnauthenticatedError, WrongPasswordError
from twofactor.results import Session, User
from twofactor.rules.attempts import attempts_remaining
from twofactor.rules.identity import could_be_password, email_key
from twofactor.rules.policy import FREE_ATTEMPTS


@dataclass(frozen=True, slots=True)
class Acting:
    """The viewer's rows, locked and fresh."""

    user: models.User
    company: models.Company
    session: models.Session
    # Another user whose row is locked as well: whom the viewer acts upon, in whatever company account they are.
    other: models.User | None = None

    @property
    def viewer(self) -> Viewer:
        """The viewer as they stand now."""
        return Viewer(User.of(self.user, self.company), Session.of(self.session, current=True))


@dataclass(frozen=True, slots=True)
class PasswordProof:
    """That the viewer has just given the right password."""

    viewer: Viewer
    budget: Budget
    password_hash: str = field(repr=False)


async def lock_user(user_id: UUID) -> models.User | None:
    """The user's row, to be changed by this transaction alone."""
    return await find(models.User, f"id = $1 {LOCKING}", user_id)


async def lock_viewer(viewer: Viewer, other_id: UUID | None = None) -> Acting:
    """The viewer's rows, and that of another user, to be changed by this transaction alone.

    Raises:
        UnauthenticatedError: The session has ended meanwhile.
    """
    ids = {viewer.user.id, other_id} - {None}
    # Always in the same order, or two admins who act upon each other would wait for each other for ever.
    users = {
        user.id: user for user in await models.User.filter(id__in=ids).order_by("id").select_for_update(no_key=True)
    }
    # A statement of its own: on PostgreSQL one that waited for the lock would still see what was there before.
    session = (
        await models.Session.filter(id=viewer.session.id, user_id=viewer.user.id)
        .select_related("user__company")
        .first()
    )
    user = users.get(viewer.user.id)
    if user is None or session is None or not user.is_enabled:
        raise UnauthenticatedError
    return Acting(user, session.user.company, session, users.get(other_id) if other_id else None)


async def prove_password(env: Environment, client: Client, viewer: Viewer, password: str) -> PasswordProof:
    """Check the password that the viewer entered again, within the same budget of attempts as a login (ASVS 7.5.1).

    To be called with a place in the hashing pool, and outside any transaction.

    Raises:
        WrongPasswordError: It does not match.
        TooManyAttemptsError: The next attempt has to wait; nothing was checked.
    """
    now = env.now()
    budget = attempts.password_budget(env, email_key(viewer.user.email) or "")
    async with attempts.counted_by_address(env, client):
        if not could_be_password(password):
            async with env.database.reading():
                raise WrongPasswordError(await attempts.remaining(budget, now), was_checked=False)
        async with env.database.transaction():
            await attempts.claim(budget, now)
            user = await models.User.filter(id=viewer.user.id).first()
        password_hash = user.password_hash if user else None
        if password_hash is None or not await env.hashing.is_password(password, password_hash):
            async with env.database.transaction():
                raise CommitAndRaise(await _wrong_password(env, client, viewer, budget))
    return PasswordProof(viewer, budget, password_hash)


async def _wrong_password(env: Environment, client: Client, viewer: Viewer, budget: Budget) -> WrongPasswordError:
    # Locked, for an event can be of nobody who is deleted meanwhile.
    user = await lock_user(viewer.user.id)
    failures = await record_wrong_password(env, client, SecurityEventKind.REAUTHENTICATION_FAILED, user, budget)
    return WrongPasswordError(attempts_remaining(failures))


async def record_wrong_password(
    env: Environment, client: Client, kind: SecurityEventKind, user: models.User | None, budget: Budget
) -> int:
    """Write down a wrong password, and that the next one has to wait, where it does. How many there were in a row."""
    await audit.record(kind, user=user, client=client, now=env.now())
    failures = (await attempts.failures(budget)).failures
    if failures >= FREE_ATTEMPTS:
        await audit.record(SecurityEventKind.LOCKED, user=user, client=client, now=env.now(), note=budget.factor.value)
    return failures


@asynccontextmanager
async def acting_with(env: Environment, proof: PasswordProof, upon: UUID | None = None) -> AsyncIterator[Acting]:
    """A transaction in which the viewer, who has given the right password, changes something, maybe of another user.

    A refusal that is raised in it must come before anything is written: it commits, for the attempt is given back all
    the same.

    Raises:
        UnauthenticatedError: The session has ended meanwhile.
        WrongPasswordError: The password has changed meanwhile.
    """
    async with env.database.transaction():
        acting = await lock_viewer(proof.viewer, upon)
        if acting.user.password_hash != proof.password_hash:
            raise WrongPasswordError(attempts_remaining((await attempts.failures(proof.budget)).failures))
        await attempts.give_back_password(proof.budget)
        try:
            yield acting
        except TwoFactorError as refusal:
            raise CommitAndRaise(refusal) from None


async def end_challenges_and_activations(user_id: UUID) -> None:
    """A change takes effect at once: what was begun before it cannot be finished after it."""
    await models.Challenge.filter(user_id=user_id).delete()
    await models.Activation.filter(user_id=user_id).delete()


async def end_other_sessions(session: models.Session) -> None:
    """Of all the user's sessions, this one stays."""
    await models.Session.filter(user_id=session.user_id).exclude(id=session.id).delete()
