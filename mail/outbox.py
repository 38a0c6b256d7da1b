"""The outbox: letters on their way in, and the queue that senders share without ever holding the same letter at once.

A letter in the queue is WAITING until the mail server has accepted it. Who sends it first takes a lease: one UPDATE on
the condition that it is still due and has been tried as often as when it was read. Whatever happens to the sender, the
letter is due again when the lease ends.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from tortoise.queryset import QuerySet

import models
from mail.text import one_line
from models import LetterKind, LetterState

DEFAULT_LOCALE = "en"
NAME_MAX_LENGTH = 200
ERROR_MAX_LENGTH = 200

# After a failure a letter waits twice as long each time, up to four hours. The short waits mend what passes, such as a
# server that restarts; with the long ones a letter is tried for some four days, as RFC 5321 §4.5.4.1 asks.
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=4)
TRIES = 33
# What trying again will hardly mend: the server refused the recipient or the letter for good, or the letter cannot be
# written. Servers do say 5xx by mistake or in passing (a full mailbox, a blocked relay), hence more than one try, and
# far enough apart (RFC 5321 §4.5.4.1: half an hour).
HOPELESS_TRIES = 3
HOPELESS_WAIT = timedelta(minutes=30)
# Each wait is longer by up to this part of itself, so that letters which failed together do not come back together.
JITTER = 0.25


async def enqueue(kind: LetterKind, *, to: models.User, now: datetime, facts: Mapping[str, str | int | None]) -> None:
    """Put a letter into the outbox, in the transaction under way."""
    await models.Letter.create(
        id=uuid4(),
        kind=kind,
        recipient_email=to.email,
        recipient_name=one_line(to.name)[:NAME_MAX_LENGTH],
        locale=to.locale or DEFAULT_LOCALE,
        # PostgreSQL stores neither NUL nor half a surrogate pair, and a letter must not undo what it tells of.
        facts={key: one_line(fact) if isinstance(fact, str) else fact for key, fact in facts.items()},
        created_at=now,
        next_try_at=now,
    )


async def due_letters(now: datetime, *, at_most: int) -> list[models.Letter]:
    """Letters that wait for a sender, the longest due first."""
    return await _due(now).order_by("next_try_at").limit(at_most)


async def claim(letter: models.Letter, now: datetime, *, lease: timedelta) -> bool:
    """Take a due letter for as long as the lease lasts, and count the try. False where somebody else was faster."""
    claimed = (
        await _due(now).filter(id=letter.id, tries=letter.tries).update(tries=letter.tries + 1, next_try_at=now + lease)
    )
    if not claimed:
        return False
    letter.tries += 1
    return True


async def mark_sent(letter: models.Letter, now: datetime) -> None:
    """The mail server has accepted it. That holds even where the lease has ended meanwhile."""
    await models.Letter.filter(id=letter.id).update(state=LetterState.SENT, sent_at=now, last_error=None)


async def mark_unsent(
    letter: models.Letter, now: datetime, *, error: str, hopeless: bool, chance: float
) -> LetterState:
    """Put a letter back, or give it up when it has been tried often enough. Answers which.

    `chance`, between 0 and 1, spreads the waits.
    """
    gives_up = letter.tries >= (HOPELESS_TRIES if hopeless else TRIES)
    state = LetterState.FAILED if gives_up else LetterState.WAITING
    wait = waiting_time(letter.tries, hopeless=hopeless, chance=chance)
    # Only while the lease is ours: afterwards somebody else may have sent it.
    await models.Letter.filter(id=letter.id, state=LetterState.WAITING, tries=letter.tries).update(
        state=state, next_try_at=now + wait, last_error=error[:ERROR_MAX_LENGTH]
    )
    return state


def waiting_time(tries: int, *, hopeless: bool, chance: float) -> timedelta:
    """How long a letter waits after its try of this number."""
    # A power of two beyond the longest wait need not be computed.
    wait: timedelta = min(FIRST_WAIT * 2 ** min(tries - 1, 16), LONGEST_WAIT)
    if hopeless:
        wait = max(wait, HOPELESS_WAIT)
    return wait + wait * (JITTER * chance)


async def list_letters(state: LetterState | None = None, *, at_most: int = 100) -> list[models.Letter]:
    """The newest letters in this state, or in any."""
    letters = models.Letter.all() if state is None else models.Letter.filter(state=state)
    return await letters.order_by("-created_at").limit(at_most)


async def retry(now: datetime, ids: Sequence[UUID] | None = None) -> int:
    """Let failed letters wait again, with all their tries: these, or every one. Answers how many."""
    failed = models.Letter.filter(state=LetterState.FAILED)
    if ids is not None:
        failed = failed.filter(id__in=list(ids))
    return await failed.update(state=LetterState.WAITING, tries=0, next_try_at=now)


def _due(now: datetime) -> QuerySet[models.Letter]:
    return models.Letter.filter(state=LetterState.WAITING, next_try_at__lte=now)
