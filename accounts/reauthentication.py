"""Re-authentication, and the lock on an account.

Every change to an account first locks the user's row and reads it again under the lock. So the changes to one account
run one after the other on PostgreSQL, as all transactions do on SQLite.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import structlog

import models
from accounts import attempt_limits, audit
from accounts.attempt_limits import AttemptLimit, Failures, reserve_when_decided
from accounts.entities import Session, User
from accounts.errors import UnauthenticatedError, UserNotFoundError, WrongPasswordError
from accounts.event_facts import CONTEXTS, EventFacts
from accounts.password_strength import could_be_password
from accounts.permissions import Viewer
from accounts.services import Client, Services
from mail import emails, outbox
from models import PASSWORD_FACTOR, SecurityEventKind
from models.database import CommitAndRaise
from models.sql.users import lock_user
from security.constants import FREE_ATTEMPTS, REAUTHENTICATION_FAILURES_ALLOWED
from security.errors import DomainError
from security.fair_queue import Requester
from security.password_form import forms_to_check
from security.password_hashing import Hasher, PasswordCheck

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LockedAccount:
    """The rows of the viewer, read under the lock."""

    user: models.User
    company: models.Company
    session: models.Session
    # The row of another user whom the viewer changes, also locked. It may belong to another company account.
    other: models.User | None = None

    @property
    def viewer(self) -> Viewer:
        """The viewer with the current values of the rows."""
        return Viewer(User.of(self.user, self.company), Session.of(self.session, current=True))


@dataclass(frozen=True, slots=True)
class PasswordProof:
    """The result of a successful re-authentication."""

    viewer: Viewer
    limit: AttemptLimit
    check: PasswordCheck


async def lock_viewer(viewer: Viewer, other_user_id: UUID | None = None) -> LockedAccount:
    """Lock the viewer's row, and that of another user, for this transaction.

    Raises:
        UnauthenticatedError: The session has ended in the meantime.
    """
    ids = {viewer.user.id, other_user_id} - {None}
    # Lock rows in a fixed order. Otherwise two admins who reset each other's 2FA could deadlock.
    users = {
        user.id: user for user in await models.User.filter(id__in=ids).order_by("id").select_for_update(no_key=True)
    }
    # A separate statement: on PostgreSQL a statement that waited for a lock reads joined tables as they were before.
    session = (
        await models.Session.filter(id=viewer.session.id, user_id=viewer.user.id)
        .select_related("user__company")
        .first()
    )
    user = users.get(viewer.user.id)
    if user is None or session is None or not user.is_enabled:
        raise UnauthenticatedError
    return LockedAccount(user, session.user.company, session, users.get(other_user_id) if other_user_id else None)


def hash_requester(viewer: Viewer) -> Requester:
    """Return the requester of slow hashes in a live session.

    The account alone counts. Many users of a company account share an IP address, and strangers have no session.
    """
    return Requester(account=viewer.user.id.hex, is_known=True)


async def reauthenticate(services: Services, client: Client, viewer: Viewer, password: str) -> PasswordProof:
    """Check the viewer's password again, under an attempt limit of the session's own (ASVS 7.5.1).

    No stranger can use up its attempts, neither for the email nor from the same IP address. Call it outside any
    transaction.

    Raises:
        UnauthenticatedError: The session has ended, after ten wrong passwords in a row or in the meantime.
        WrongPasswordError: The password is wrong.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
    """
    async with services.hashing.admit(hash_requester(viewer), hashes=len(forms_to_check(password))) as hasher:
        return await reauthenticate_with(hasher, services, client, viewer, password)


async def reauthenticate_with(
    hasher: Hasher, services: Services, client: Client, viewer: Viewer, password: str
) -> PasswordProof:
    """Check the viewer's password as `reauthenticate` does, in a use case that computes more hashes.

    Raises:
        UnauthenticatedError: The session has ended, after ten wrong passwords in a row or in the meantime.
        WrongPasswordError: The password is wrong.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
    """
    limit = attempt_limits.reauthentication_limit(viewer.session.id)
    if not could_be_password(password):
        async with services.database.reading():
            remaining = await attempt_limits.remaining_attempts(limit, services.now())
            raise WrongPasswordError(remaining, was_checked=False)

    async def reserve() -> models.User | None:
        async with services.database.transaction():
            await attempt_limits.reserve_attempt(limit, services.now())
            return await models.User.filter(id=viewer.user.id).first()

    user = await reserve_when_decided(reserve, hasher)
    check = await hasher.check_password(password, user.password_hash if user else None)
    if not check.is_right:
        async with services.database.transaction():
            raise CommitAndRaise(await _wrong_password(services, client, viewer, limit))
    return PasswordProof(viewer, limit, check)


async def _wrong_password(services: Services, client: Client, viewer: Viewer, limit: AttemptLimit) -> DomainError:
    # Lock the user's row, so that the user cannot be deleted before the event refers to it.
    user = await lock_user(viewer.user.id)
    failures = await record_wrong_password(services, client, SecurityEventKind.REAUTHENTICATION_FAILED, user, limit)
    if user is not None and failures.in_a_row >= REAUTHENTICATION_FAILURES_ALLOWED:
        await end_session_of_wrong_attempts(services, client, viewer, user)
        return UnauthenticatedError()
    return WrongPasswordError(failures.attempts_remaining, failures.next_attempt_at)


async def end_session_of_wrong_attempts(services: Services, client: Client, viewer: Viewer, user: models.User) -> None:
    """End the session, unless a simultaneous request has ended it. Somebody else may hold it."""
    now = services.now()
    if await models.Session.filter(id=viewer.session.id, user_id=user.id).delete():
        await audit.record(SecurityEventKind.SESSION_ENDED, user=user, client=client, now=now)
        await outbox.enqueue(emails.session_ended(audit.request_details(client, now)), to=user, now=now)


async def record_wrong_password(
    services: Services, client: Client, kind: SecurityEventKind, user: models.User | None, limit: AttemptLimit
) -> Failures:
    """Record the audit event of a wrong password, and `LOCKED` if the next attempt has to wait."""
    now = services.now()
    await audit.record(kind, user=user, client=client, now=now)
    user_of_email = user.id if user and limit.factor == PASSWORD_FACTOR else None
    failures = await attempt_limits.record_failure(limit, user_of_email)
    if failures.in_a_row >= FREE_ATTEMPTS:
        facts = EventFacts(during=CONTEXTS[kind])
        await audit.record(SecurityEventKind.LOCKED, user=user, client=client, now=now, facts=facts)
    return failures


@asynccontextmanager
async def locked_account(
    services: Services, proof: PasswordProof, other_user_id: UUID | None = None
) -> AsyncIterator[LockedAccount]:
    """Run a change in a transaction, after a successful re-authentication, with the viewer's row locked.

    The block must raise a domain error before it writes anything: the transaction commits even then, since it also
    releases the attempt.

    Raises:
        UnauthenticatedError: The session has ended in the meantime.
        WrongPasswordError: The password has changed in the meantime.
    """
    async with services.database.transaction():
        account = await lock_viewer(proof.viewer, other_user_id)
        if not proof.check.is_still_right(account.user.password_hash):
            failures = await attempt_limits.record_failure(proof.limit)
            raise CommitAndRaise(WrongPasswordError(failures.attempts_remaining, failures.next_attempt_at))
        await attempt_limits.reset_wait(proof.limit)
        await store_better_hash(account.user, proof.check)
        try:
            yield account
        except DomainError as error:
            raise CommitAndRaise(error) from None


async def store_better_hash(user: models.User, check: PasswordCheck) -> None:
    """Replace the hash of a right password, unless another transaction has replaced it."""
    if check.better_hash is not None:
        await models.User.filter(id=user.id, password_hash=check.stored_hash).update(password_hash=check.better_hash)


async def end_challenges_and_activations(user_id: UUID) -> None:
    """Delete the user's challenges and activations, also of new backup codes. A change takes effect at once."""
    await models.Challenge.filter(user_id=user_id).delete()
    await models.Activation.filter(user_id=user_id).delete()
    await models.BackupCodeReplacement.filter(user_id=user_id).delete()


async def end_other_sessions(session: models.Session) -> bool:
    """Delete all sessions of the user except this one. Return whether there were any."""
    return await models.Session.filter(user_id=session.user_id).exclude(id=session.id).delete() > 0


def other_user_of(account: LockedAccount, *, unknown_user_event: str) -> models.User:
    """Return the other user, who must belong to the viewer's company account. Otherwise log the event.

    Raises:
        UserNotFoundError: The company account has no such user.
    """
    if account.other is None or account.other.company_id != account.company.id:
        log.warning(unknown_user_event, admin_id=str(account.user.id))
        raise UserNotFoundError
    return account.other
