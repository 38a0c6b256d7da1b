"""Remind users by email of the date from which they have to use 2FA. One process does it at a time."""

from collections.abc import AsyncIterator
from datetime import datetime

import models
from accounts.enforcement import EnforcementRule, required_from
from accounts.services import Services
from mail import emails, outbox
from models.database import REMINDER_LOCK, LockTaken
from models.sql.setup_reminders import mark_reminded
from security.constants import SETUP_REMINDERS

# The number of users whom one transaction reminds, so that it does not hold their rows for long.
BATCH = 50
# The number of users whom one run reminds. The email worker sends more than this in a minute, so that other emails do
# not wait long behind reminders.
REMINDERS_PER_RUN = 1000


async def remind_users(services: Services) -> AsyncIterator[int]:
    """Send the reminders that are due, in batches. Yield their number after each transaction.

    If another process sends reminders at the same time, stop and leave the rest to it.
    """
    for _ in range(REMINDERS_PER_RUN // BATCH):
        try:
            async with services.database.exclusive_transaction(REMINDER_LOCK):
                reminded = await _remind_batch(services.now())
        except LockTaken:
            return
        yield reminded
        if reminded < BATCH:
            return


async def _remind_batch(now: datetime) -> int:
    """Remind users, in the transaction that marks them as reminded. Return their number."""
    ids = await mark_reminded(now, SETUP_REMINDERS, at_most=BATCH)
    for user in await models.User.filter(id__in=ids).select_related("company") if ids else []:
        begins_at = required_from(user, EnforcementRule.of(user.company))
        # The rule of the company account may have changed since the statement before.
        if begins_at is not None and begins_at > now:
            await outbox.enqueue(emails.setup_reminder(required_from=begins_at), to=user, now=now)
    return len(ids)
