"""Delete challenges that expired unused, and warn their users: somebody may have the password (ASVS 6.3.5)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from uuid import UUID

import models
from accounts.warnings import may_warn, recent_times, warn
from mail import emails
from mail.emails import RequestDetails
from models.sql.cleanup import (
    ExpiredChallenge,
    LapsedChallenge,
    Place,
    challenges_without_a_login,
    delete_challenges,
    expired_challenges,
)

WARNING = emails.login_not_completed.__name__
# A warning costs the database as much as the deletion of this many challenges.
WARNING_COST = 50


async def delete_lapsed_challenges(since: datetime, now: datetime, /, *, at_most: int) -> Sequence[datetime]:
    """Delete challenges that have expired since a time, and warn their users. Return when the deleted ones expired.

    The number of warnings is limited too. The next batch continues with the first challenge whose user has to wait for
    a warning. If another transaction has locked the row of a user, the next cleanup deletes the challenge.
    """
    expired = await expired_challenges(since, now, at_most=at_most, warning=WARNING, warned=recent_times(now))
    lapsed = await _lapsed(expired, now)
    # Each user, with the first of their challenges.
    unwarned: dict[UUID, LapsedChallenge] = {}
    for challenge in lapsed.values():
        unwarned.setdefault(challenge.user_id, challenge)
    warnings = max(at_most // WARNING_COST, 1)
    first, later = list(unwarned)[:warnings], set(list(unwarned)[warnings:])
    users = await _lock_free_users(first)
    locked_by_others = set(first) - {user.id for user in users}

    def is_of(user_ids: set[UUID], challenge: ExpiredChallenge) -> bool:
        return challenge.place in lapsed and lapsed[challenge.place].user_id in user_ids

    in_turn = takewhile(lambda challenge: not is_of(later, challenge), expired)
    places = [challenge.place for challenge in in_turn if not is_of(locked_by_others, challenge)]
    deleted = await delete_challenges(places, now) if places else set()
    for user in users:
        challenge = unwarned[user.id]
        # If it is not deleted here, a change of the account has ended it.
        if challenge.place in deleted:
            details = RequestDetails(challenge.created_at, challenge.ip_address, challenge.user_agent)
            await warn(user, emails.login_not_completed(details), now)
    return [challenge.expires_at for challenge in expired if challenge.place in deleted]


async def _lapsed(expired: Sequence[ExpiredChallenge], now: datetime) -> Mapping[Place, LapsedChallenge]:
    """Return the challenges that somebody else may have opened, and whose users have not got too many warnings."""
    suspicious = [challenge.place for challenge in expired if challenge.is_suspicious]
    if not suspicious:
        return {}
    lapsed = await challenges_without_a_login(suspicious)
    return {
        place: lapsed[place]
        for place in suspicious
        if place in lapsed and may_warn(lapsed[place].warnings_sent, WARNING, now)
    }


async def _lock_free_users(ids: Sequence[UUID]) -> Sequence[models.User]:
    """Lock the rows of these users, without those that another transaction has locked."""
    if not ids:
        return []
    return await models.User.filter(id__in=ids).select_for_update(no_key=True, skip_locked=True)
