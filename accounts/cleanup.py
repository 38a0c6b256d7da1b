"""Delete expired rows."""

from typing import Any

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

import models
from accounts.services import Services
from models import EmailState, Factor
from security.constants import (
    IDLE_PASSWORD_COUNTS_KEPT,
    SENT_EMAILS_KEPT,
    SESSION_IDLE_LIFETIME,
    UNKNOWN_EMAIL_EVENTS_KEPT,
)

# The number of rows that one statement deletes, so that it does not hold its locks for long.
BATCH = 500


async def delete_expired_rows(services: Services) -> int:
    """Delete a batch of expired rows from each table and return their number. Many processes may run it at once."""
    now = services.now()
    expired: tuple[QuerySet[Any], ...] = (
        models.Challenge.filter(expires_at__lte=now),
        models.Activation.filter(expires_at__lte=now),
        models.Session.filter(Q(expires_at__lte=now) | Q(last_seen_at__lte=now - SESSION_IDLE_LIFETIME)),
        models.OutboxEmail.filter(state=EmailState.SENT, sent_at__lte=now - SENT_EMAILS_KEPT),
        models.AttemptCount.filter(factor=Factor.PASSWORD, last_attempt_at__lte=now - IDLE_PASSWORD_COUNTS_KEPT),
        models.SecurityEvent.filter(company_id__isnull=True, occurred_at__lte=now - UNKNOWN_EMAIL_EVENTS_KEPT),
    )
    deleted = 0
    for rows in expired:
        async with services.database.reading():
            ids = await rows.limit(BATCH).values_list("id", flat=True)
            if ids:
                # The DELETE repeats the condition: an attempt may have been reserved since the SELECT.
                deleted += await rows.filter(id__in=ids).delete()
    return deleted
