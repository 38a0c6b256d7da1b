"""The audit log. The transaction of a change also inserts its audit event (ASVS 16.2.1, 16.3.1)."""

from datetime import datetime
from uuid import uuid4

import models
from accounts.services import Client
from mail.emails import RequestDetails
from models import SecurityEventKind
from models.sql.security_events import insert_event


async def record(  # noqa: PLR0913  # ASVS 16.2.1 asks for when, where, who and what
    kind: SecurityEventKind,
    *,
    user: models.User | None,
    client: Client,
    now: datetime,
    actor: models.User | None = None,
    note: str | None = None,
) -> None:
    """Insert an audit event. `note` is a short remark and never contains a secret."""
    known_user = user or actor
    await insert_event(
        id=uuid4(),
        kind=kind,
        company_id=known_user.company_id if known_user else None,
        user_id=user.id if user else None,
        actor_id=actor.id if actor else None,
        occurred_at=now,
        ip_address=client.ip_address,
        user_agent=client.user_agent,
        note=note,
    )


def request_details(client: Client, now: datetime) -> RequestDetails:
    """Return time, IP address and user agent of a request, for an email."""
    return RequestDetails(now, client.ip_address, client.user_agent)
