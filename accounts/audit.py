"""The audit log. The transaction of a change also inserts its audit event (ASVS 16.2.1, 16.3.1).

After the commit, each event is also a line of the server's log, which can be sent to another system.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import structlog

import models
from accounts.event_facts import NO_FACTS, EventFacts, json_of_changes, note_of
from accounts.services import Client
from mail.emails import RequestDetails
from models import SecurityEventKind
from models.after_commit import after_commit
from models.sql.security_events import insert_event

log = structlog.get_logger(__name__)

# SQLite allows 32,766 parameters in a statement.
EVENTS_PER_STATEMENT = 500
# The outcome of the other kinds is `success`.
OUTCOMES = {
    SecurityEventKind.LOGIN_FAILED: "failure",
    SecurityEventKind.SECOND_FACTOR_REQUIRED: "pending",
    SecurityEventKind.SECOND_FACTOR_FAILED: "failure",
    SecurityEventKind.VOUCHER_FAILED: "failure",
    SecurityEventKind.REAUTHENTICATION_FAILED: "failure",
    SecurityEventKind.LOCKED: "failure",
}


async def record(  # noqa: PLR0913  # ASVS 16.2.1 asks for when, where, who and what
    kind: SecurityEventKind,
    *,
    user: models.User | None,
    client: Client,
    now: datetime,
    actor: models.User | None = None,
    facts: EventFacts = NO_FACTS,
    note: str | None = None,
) -> None:
    """Insert an audit event. `note` is a short remark of a person. Neither it nor the facts contain a secret."""
    known_user = user or actor
    event_id = uuid4()
    company_id = known_user.company_id if known_user else None
    user_id = user.id if user else None
    actor_id = actor.id if actor else None
    await insert_event(
        id=event_id,
        kind=kind,
        company_id=company_id,
        user_id=user_id,
        actor_id=actor_id,
        occurred_at=now,
        ip_address=client.ip_address,
        user_agent=client.user_agent,
        note=note or note_of(kind, facts),
        factor=facts.factor,
        during=facts.during,
        changes=json_of_changes(facts.change),
    )
    _log_after_commit(kind, event_id, company_id, user_id, actor_id, client.ip_address)


async def record_by_operator(
    kind: SecurityEventKind, company_id: UUID, user_ids: Sequence[UUID | None], now: datetime
) -> None:
    """Insert an audit event of the operator for each of many users, or for the company account if an id is None."""
    events = [
        models.SecurityEvent(company_id=company_id, user_id=user_id, kind=kind, occurred_at=now) for user_id in user_ids
    ]
    await models.SecurityEvent.bulk_create(events, batch_size=EVENTS_PER_STATEMENT)
    for event in events:
        _log_after_commit(kind, event.id, company_id, event.user_id, None, None)


def _log_after_commit(  # noqa: PLR0913, PLR0917  # ASVS 16.2.1, as above
    kind: SecurityEventKind,
    event_id: UUID,
    company_id: UUID | None,
    user_id: UUID | None,
    actor_id: UUID | None,
    ip_address: str | None,
) -> None:
    """Log an event when it is committed. Omit its note: an admin may have written personal data in it."""
    ids = {"event_id": event_id, "company_id": company_id, "user_id": user_id, "actor_id": actor_id}
    facts = {name: str(each) for name, each in ids.items() if each is not None}
    if ip_address is not None:
        facts["ip_address"] = ip_address
    after_commit(lambda: log.info("audit_event", kind=kind.value, outcome=OUTCOMES.get(kind, "success"), **facts))


def request_details(client: Client, now: datetime) -> RequestDetails:
    """Return time, IP address and user agent of a request, for an email."""
    return RequestDetails(now, client.ip_address, client.user_agent)
