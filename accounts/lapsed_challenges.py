"""Delete challenges that expired unused, and warn their users: somebody may have the password (ASVS 6.3.5)."""

from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from uuid import UUID

import models
from accounts.warnings import may_warn, warn
from mail import emails
from mail.emails import RequestDetails
from models.sql.cleanup import (
    ExpiredChallenge,
    challenges_of_clients_that_logged_in,
    delete_challenges,
    lock_expired_challenges,
)

# A warning costs the database as much as the deletion of this many challenges.
WARNING_COST = 50


async def delete_lapsed_challenges(since: datetime, now: datetime, /, *, at_most: int) -> Sequence[datetime]:
    """Delete challenges that have expired since a time, and warn their users. Return when the deleted ones expired.

    The number of warnings is limited too. The next batch continues with the first challenge whose user has to wait for
    a warning. If another transaction has locked the row of a user, the next cleanup deletes the challenge.
    """
    challenges = await lock_expired_challenges(since, now, at_most=at_most)
    unwarned: dict[UUID, ExpiredChallenge] = {}
    for challenge in await _suspicious(challenges, now):
        unwarned.setdefault(challenge.user_id, challenge)
    warnings = max(at_most // WARNING_COST, 1)
    first, later = list(unwarned)[:warnings], set(list(unwarned)[warnings:])
    for user in await _lock_free_users(first):
        challenge = unwarned.pop(user.id)
        details = RequestDetails(challenge.created_at, challenge.ip_address, challenge.user_agent)
        await warn(user, emails.login_not_completed(details), now)
    in_turn = takewhile(lambda challenge: challenge.user_id not in later, challenges)
    deleted = [challenge for challenge in in_turn if challenge.user_id not in unwarned]
    if deleted:
        await delete_challenges([challenge.id for challenge in deleted])
    return [challenge.expires_at for challenge in deleted]


async def _suspicious(challenges: Sequence[ExpiredChallenge], now: datetime) -> Sequence[ExpiredChallenge]:
    """Return the challenges that somebody else may have opened, and whose users have not got too many warnings."""
    kind = emails.login_not_completed.__name__
    possible = [
        challenge
        for challenge in challenges
        if not challenge.is_of_known_device and may_warn(challenge.warnings_sent, kind, now)
    ]
    if not possible:
        return []
    harmless = await challenges_of_clients_that_logged_in([challenge.id for challenge in possible])
    return [challenge for challenge in possible if challenge.id not in harmless]


async def _lock_free_users(ids: Sequence[UUID]) -> Sequence[models.User]:
    """Lock the rows of these users, without those that another transaction has locked."""
    if not ids:
        return []
    return await models.User.filter(id__in=ids).select_for_update(no_key=True, skip_locked=True)
