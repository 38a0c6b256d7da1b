"""Delete challenges that expired unused, and warn their users: somebody may have the password (ASVS 6.3.5)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import models
from accounts.warnings import may_warn, recent_times, warn
from mail import emails
from mail.emails import RequestDetails
from models.sql.cleanup import (
    Deleted,
    LapsedChallenge,
    Place,
    challenges_without_a_login,
    delete_challenges,
    delete_unsuspicious_challenges,
)

WARNING = emails.login_not_completed.__name__
# A warning costs the database as much as the deletion of this many challenges.
WARNING_COST = 50


async def delete_lapsed_challenges(since: datetime, now: datetime, /, *, at_most: int) -> Deleted:
    """Delete challenges that have expired since a time, and warn their users.

    The number of warnings is limited too. The next batch continues with the first challenge whose user has to wait for
    a warning. If another transaction has locked the row of a user, the next cleanup deletes the challenge.
    """
    rows, newest, suspicious = await delete_unsuspicious_challenges(
        since, now, at_most=at_most, warning=WARNING, warned=recent_times(now)
    )
    lapsed = await _lapsed(suspicious, now)
    # Each user, with the first of their challenges.
    unwarned: dict[UUID, LapsedChallenge] = {}
    for challenge in lapsed.values():
        unwarned.setdefault(challenge.user_id, challenge)
    warnings = max(at_most // WARNING_COST, 1)
    first, later = list(unwarned)[:warnings], list(unwarned)[warnings:]
    users = await _lock_free_users(first)
    for user in users:
        challenge = unwarned[user.id]
        details = RequestDetails(challenge.created_at, challenge.ip_address, challenge.user_agent)
        await warn(user, emails.login_not_completed(details), now)

    waiting = unwarned.keys() - {user.id for user in users}
    rows += await delete_challenges(
        [place for place in suspicious if place not in lapsed or lapsed[place].user_id not in waiting]
    )
    return Deleted(rows, unwarned[later[0]].expires_at if later else newest)


async def _lapsed(suspicious: Sequence[Place], now: datetime) -> Mapping[Place, LapsedChallenge]:
    """Return the challenges that somebody else may have opened, and whose users have not got too many warnings."""
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
