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
    expired_challenges,
)

WARNING = emails.login_not_completed.__name__
# A warning costs the database as much as the deletion of this many challenges.
WARNING_COST = 50


async def delete_lapsed_challenges(since: datetime, now: datetime, /, *, at_most: int) -> Deleted:
    """Delete challenges that have expired since a time, and warn their users.

    The number of warnings is limited too. The next batch continues with the first challenge whose user has to wait for
    a warning. If another transaction has locked the row of a user, the next cleanup deletes the challenge.
    """
    expired = await expired_challenges(since, now, at_most=at_most, warning=WARNING, warned=recent_times(now))
    lapsed = await _lapsed(expired.suspicious, now)
    # Each user, with the first of their challenges.
    unwarned: dict[UUID, LapsedChallenge] = {}
    for challenge in lapsed.values():
        unwarned.setdefault(challenge.user_id, challenge)
    warnings = max(at_most // WARNING_COST, 1)
    first, later = list(unwarned)[:warnings], set(list(unwarned)[warnings:])
    users = await _lock_free_users(first)
    locked_by_others = set(first) - {user.id for user in users}

    # The batch ends before the first challenge whose user has to wait.
    waiting = next((challenge for challenge in lapsed.values() if challenge.user_id in later), None)
    in_turn = expired.places[: expired.places.index(waiting.place)] if waiting else expired.places
    kept = {place for place, challenge in lapsed.items() if challenge.user_id in locked_by_others}
    places = [place for place in in_turn if place not in kept]
    to_warn = {unwarned[user.id].place: user for user in users}
    rows, deleted = await delete_challenges(places, now, lapsed=list(to_warn))
    for place, user in to_warn.items():
        # If it is not deleted here, a change of the account has ended it.
        if place in deleted:
            details = RequestDetails(lapsed[place].created_at, lapsed[place].ip_address, lapsed[place].user_agent)
            await warn(user, emails.login_not_completed(details), now)
    return Deleted(rows, waiting.expires_at if waiting else expired.newest)


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
