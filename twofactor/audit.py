"""The audit trail: every event is written in the transaction of the change it tells of (ASVS 16.2.1, 16.3.1)."""

from datetime import datetime
from uuid import uuid4

import models
from models import SecurityEventKind
from models.statements import insert
from twofactor.environment import Client


async def record(  # noqa: PLR0913  # when, where, who and what (ASVS 16.2.1) are that many
    kind: SecurityEventKind,
    *,
    user: models.User | None,
    client: Client,
    now: datetime,
    actor: models.User | None = None,
    note: str | None = None,
) -> None:
    """Write down what happened to whom. `note` is a short remark, never a secret."""
    witness = user or actor
    await insert(
        models.SecurityEvent,
        id=uuid4(),
        kind=kind,
        company_id=witness.company_id if witness else None,
        user_id=user.id if user else None,
        actor_id=actor.id if actor else None,
        occurred_at=now,
        ip_address=client.ip_address,
        user_agent=client.user_agent,
        note=note,
    )


def circumstances(client: Client, now: datetime) -> dict[str, str | int | None]:
    """When and from where, as a letter tells it."""
    return {
        "at": now.isoformat(timespec="seconds"),
        "ip_address": client.ip_address,
        "user_agent": client.user_agent,
    }
