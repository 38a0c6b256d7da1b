"""The email outbox: a queue that email workers share. Only one worker at a time sends an email.

An email is WAITING until the mail server has accepted it. Before a worker sends it, the worker leases it: one UPDATE
whose condition is that the email is still due and that its number of attempts has not changed since the SELECT. If the
worker dies, the email is due again when the lease ends.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from tortoise.queryset import QuerySet

import models
from mail.emails import Email
from mail.plain_text import one_line
from models import EmailState

DEFAULT_LOCALE = "en"
NAME_MAX_LENGTH = 200
ERROR_MAX_LENGTH = 200

# After each failure the wait doubles, up to four hours. The short waits cover a short failure, such as a restart of the
# mail server. With the long ones the worker tries for about four days, as RFC 5321 §4.5.4.1 recommends.
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=4)
MAX_TRIES = 33
# A failure is permanent if a retry will probably not help: the server rejected the recipient or the email with 5xx, or
# the message cannot be built. Servers also return 5xx by mistake or for a short time (a full mailbox, a blocked relay).
# So there is more than one attempt, with at least half an hour between them (RFC 5321 §4.5.4.1).
MAX_TRIES_IF_PERMANENT = 3
MIN_WAIT_IF_PERMANENT = timedelta(minutes=30)
# Each wait is up to this fraction longer, so that emails that failed together are not retried together.
JITTER = 0.25

# SQLite allows 32,766 parameters in a statement, and an email has twelve columns.
EMAILS_PER_STATEMENT = 500


async def enqueue(email: Email, *, to: models.User, now: datetime) -> None:
    """Insert an email into the outbox, in the current transaction."""
    await _row(email, to, now).save(force_create=True)


async def enqueue_for_all(email: Email, *, to: Sequence[models.User], now: datetime) -> None:
    """Insert an email to each of many users into the outbox, in the current transaction."""
    rows = [_row(email, user, now) for user in to]
    await models.OutboxEmail.bulk_create(rows, batch_size=EMAILS_PER_STATEMENT)


def _row(email: Email, to: models.User, now: datetime) -> models.OutboxEmail:
    return models.OutboxEmail(
        id=uuid4(),
        kind=email.kind,
        recipient_email=to.email,
        recipient_name=one_line(to.name)[:NAME_MAX_LENGTH],
        locale=to.locale or DEFAULT_LOCALE,
        # PostgreSQL rejects NUL and lone surrogates. The error would roll back the change that the email reports.
        facts={key: one_line(fact) if isinstance(fact, str) else fact for key, fact in email.facts.items()},
        created_at=now,
        next_try_at=now,
    )


async def due_emails(now: datetime, *, at_most: int) -> list[models.OutboxEmail]:
    """Return emails that are due, the longest due first."""
    return await _due(now).order_by("next_try_at").limit(at_most)


async def lease_email(email: models.OutboxEmail, now: datetime, *, duration: timedelta) -> bool:
    """Lease a due email for this duration and count the attempt. Return False if another worker leased it first."""
    updated = (
        await _due(now).filter(id=email.id, tries=email.tries).update(tries=email.tries + 1, next_try_at=now + duration)
    )
    if not updated:
        return False
    email.tries += 1
    return True


async def mark_sent(email: models.OutboxEmail, now: datetime) -> None:
    """Record that the mail server has accepted the email, even if the lease has ended in the meantime."""
    await models.OutboxEmail.filter(id=email.id).update(state=EmailState.SENT, sent_at=now, last_error=None)


async def schedule_retry(
    email: models.OutboxEmail, now: datetime, *, error: str, permanent: bool, jitter: float
) -> EmailState:
    """Schedule the next attempt. After the last one, mark the email as FAILED. Return the new state.

    `jitter`, between 0 and 1, spreads the waits.
    """
    was_last = email.tries >= (MAX_TRIES_IF_PERMANENT if permanent else MAX_TRIES)
    state = EmailState.FAILED if was_last else EmailState.WAITING
    wait = retry_wait(email.tries, permanent=permanent, jitter=jitter)
    # The condition holds only during our lease. After it, another worker may have sent the email.
    await models.OutboxEmail.filter(id=email.id, state=EmailState.WAITING, tries=email.tries).update(
        state=state, next_try_at=now + wait, last_error=error[:ERROR_MAX_LENGTH]
    )
    return state


def retry_wait(tries: int, *, permanent: bool, jitter: float) -> timedelta:
    """Return how long an email waits after this number of attempts."""
    # The limit on the exponent prevents an overflow. Its result is already above the longest wait.
    wait: timedelta = min(FIRST_WAIT * 2 ** min(tries - 1, 16), LONGEST_WAIT)
    if permanent:
        wait = max(wait, MIN_WAIT_IF_PERMANENT)
    return wait + wait * (JITTER * jitter)


async def list_emails(state: EmailState | None = None, *, at_most: int = 100) -> list[models.OutboxEmail]:
    """Return the newest emails in this state, or in any state."""
    emails = models.OutboxEmail.all() if state is None else models.OutboxEmail.filter(state=state)
    return await emails.order_by("-created_at").limit(at_most)


async def retry_failed(now: datetime, ids: Sequence[UUID] | None = None) -> int:
    """Make failed emails due again with 0 attempts: those with these ids, or all. Return their number."""
    failed = models.OutboxEmail.filter(state=EmailState.FAILED)
    if ids is not None:
        failed = failed.filter(id__in=list(ids))
    return await failed.update(state=EmailState.WAITING, tries=0, next_try_at=now)


def _due(now: datetime) -> QuerySet[models.OutboxEmail]:
    return models.OutboxEmail.filter(state=EmailState.WAITING, next_try_at__lte=now)
