"""Upkeep: clearing away what is over, and sealing seeds anew under the current key."""

import secrets
from collections.abc import AsyncIterator
from typing import Any

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

import models
from models import Factor, LetterState
from twofactor.environment import Environment
from twofactor.rules.policy import (
    EVENTS_OF_NOBODY_KEPT,
    IDLE_PASSWORD_BUDGETS_KEPT,
    SENT_LETTERS_KEPT,
    SESSION_IDLE_LIFETIME,
)
from twofactor.rules.sealing import NONCE_BYTES, Sealed

# Small enough that no statement holds its locks for long.
BATCH = 500


async def clear_away(env: Environment) -> int:
    """Delete a batch of each kind of row that is over, and say how many that were. Safe in many processes at once."""
    now = env.now()
    over: tuple[QuerySet[Any], ...] = (
        models.Challenge.filter(expires_at__lte=now),
        models.Activation.filter(expires_at__lte=now),
        models.Session.filter(Q(expires_at__lte=now) | Q(last_seen_at__lte=now - SESSION_IDLE_LIFETIME)),
        models.Letter.filter(state=LetterState.SENT, sent_at__lte=now - SENT_LETTERS_KEPT),
        models.AttemptBudget.filter(factor=Factor.PASSWORD, last_attempt_at__lte=now - IDLE_PASSWORD_BUDGETS_KEPT),
        models.SecurityEvent.filter(company_id__isnull=True, occurred_at__lte=now - EVENTS_OF_NOBODY_KEPT),
    )
    cleared = 0
    for rows in over:
        async with env.database.reading():
            ids = await rows.limit(BATCH).values_list("id", flat=True)
            if ids:
                # Still on its condition: a budget may have been claimed from since it was read.
                cleared += await rows.filter(id__in=ids).delete()
    return cleared


async def sealed_under_other_keys(env: Environment) -> int:
    """How many seeds are not sealed under the current key."""
    current = env.key_ring.current_id
    async with env.database.reading():
        return sum([await table.exclude(key_id=current).count() for table in _tables_of_seeds()])


async def unknown_keys(env: Environment) -> set[str]:
    """The names of keys under which something is sealed, and which are not on the ring."""
    used: set[str] = set()
    async with env.database.reading():
        for table in _tables_of_seeds():
            others = table.exclude(key_id__in=list(env.key_ring.keys))
            used.update([row.key_id for row in await others.limit(BATCH).only("key_id")])
    return used


async def reseal_all(env: Environment) -> AsyncIterator[int]:
    """Seal every seed under the current key, in batches; gives the number resealed after each.

    Each seed is replaced only where it still is what was read, so it may run beside the server, and be stopped and
    repeated at any time.

    Raises:
        UnsealingFailed: A seed cannot be read: its key is not on the ring, or it has been changed.
    """
    current = env.key_ring.current_id
    for table in _tables_of_seeds():
        while True:
            async with env.database.transaction():
                rows = await table.exclude(key_id=current).limit(BATCH)
                for row in rows:
                    seed = env.key_ring.unseal(Sealed(row.key_id, row.sealed_seed), row.user_id)
                    sealed = env.key_ring.seal(seed, row.user_id, secrets.token_bytes(NONCE_BYTES))
                    await table.filter(user_id=row.user_id, key_id=row.key_id, sealed_seed=row.sealed_seed).update(
                        sealed_seed=sealed.box, key_id=sealed.key_id
                    )
            if not rows:
                break
            yield len(rows)


def _tables_of_seeds() -> tuple[type[models.Authenticator] | type[models.Activation], ...]:
    # The tables themselves: a query set is bound to its connection when it is made, here outside the transaction.
    return models.Authenticator, models.Activation
