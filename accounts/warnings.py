"""Warning emails that strangers can cause: at most one of a kind and three in all a day."""

from collections.abc import Mapping
from datetime import datetime

import models
from mail import outbox
from mail.emails import Email
from security.constants import CLOCK_SLACK, WARNING_INTERVAL, WARNINGS_PER_INTERVAL


async def warn(user: models.User, email: Email, now: datetime) -> None:
    """Send a warning, unless the user had too many within a day, or is disabled. The user's row is locked.

    Nobody can log in as a disabled user, who could not follow the advice of the warning either.
    """
    if not user.is_enabled:
        return
    recent = _recent(user.warnings_sent, now)
    if _is_allowed(recent, email.kind):
        user.warnings_sent = {**recent, email.kind: now.isoformat()}
        await user.save(update_fields=["warnings_sent"])
        await outbox.enqueue(email, to=user, now=now)


def may_warn(warnings_sent: Mapping[str, str] | None, kind: str, now: datetime) -> bool:
    """Return whether `warn` would send a warning of this kind. `warnings_sent` is the column of the user."""
    return _is_allowed(_recent(warnings_sent, now), kind)


def recent_times(now: datetime) -> tuple[datetime, datetime]:
    """Return between which times a warning was sent that still counts. A later one comes from a wrong clock."""
    return now - WARNING_INTERVAL, now + CLOCK_SLACK


def _recent(warnings_sent: Mapping[str, str] | None, now: datetime) -> dict[str, str]:
    since, until = recent_times(now)
    return {
        kind: sent_at
        for kind, sent_at in (warnings_sent or {}).items()
        if since < datetime.fromisoformat(sent_at) <= until
    }


def _is_allowed(recent: Mapping[str, str], kind: str) -> bool:
    return kind not in recent and len(recent) < WARNINGS_PER_INTERVAL
