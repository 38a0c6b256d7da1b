"""Accounts of other users, whom the probes measure, and accounts of attackers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar
from uuid import uuid4

import models
from accounts.services import utc_now
from models import SecurityEventKind
from models.database import Database
from security.constants import PAGE_MAX
from security.key_ring import KeyRing
from tests.support.factories import Factory, FactoryUser
from tests.support.users import KEYS

ResultT = TypeVar("ResultT")

ATTACKERS = 3
EVENTS_PER_USER = 25


@dataclass(frozen=True)
class AttackerAccounts:
    """A company account of attackers, whose lists fill a page."""

    members: tuple[FactoryUser, ...]
    admins: tuple[FactoryUser, ...]
    # Each has an activation that waits for the OTP. It expires after ten minutes.
    activating: tuple[FactoryUser, ...]


def create_owners(database_url: str, count: int) -> tuple[FactoryUser, ...]:
    """Create members without 2FA, each with a session."""

    async def create(factory: Factory, _database: Database) -> tuple[FactoryUser, ...]:
        company = await factory.company()
        return tuple([await factory.logged_in_member(company) for _ in range(count)])

    return asyncio.run(_with_factory(database_url, create))


def create_attackers(database_url: str, activations: int) -> AttackerAccounts:
    """Create the accounts of the attackers, and pages of users and audit events that they can read."""

    async def create(factory: Factory, database: Database) -> AttackerAccounts:
        company = await factory.company()
        admins = [await factory.logged_in_admin(company) for _ in range(ATTACKERS)]
        users = [await factory.logged_in_member(company) for _ in range(PAGE_MAX)]
        members = users[:ATTACKERS]
        async with database.transaction():
            await _create_events(company, users, EVENTS_PER_USER, admins[0])
            await _create_events(company, members, PAGE_MAX, admins[0])
        activating = [await factory.member_activating_2fa(company, confirmed=False) for _ in range(activations)]
        return AttackerAccounts(tuple(members), tuple(admins), tuple(activating))

    return asyncio.run(_with_factory(database_url, create))


async def _with_factory(database_url: str, create: Callable[[Factory, Database], Awaitable[ResultT]]) -> ResultT:
    database = Database(database_url)
    await database.open()
    try:
        return await create(Factory(database, KeyRing.parse(KEYS), utc_now), database)
    finally:
        await database.close()


async def _create_events(company: models.Company, users: Sequence[FactoryUser], count: int, actor: FactoryUser) -> None:
    """Create audit events of each user, with values in all fields."""
    now = utc_now()
    await models.SecurityEvent.bulk_create(
        models.SecurityEvent(
            id=uuid4(),
            company_id=company.id,
            user_id=user.user_id,
            actor_id=actor.user_id,
            kind=SecurityEventKind.TWO_FACTOR_RESET,
            occurred_at=now - timedelta(seconds=number),
            ip_address="203.0.113.9",
            user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            note="lost phone",
        )
        for user in users
        for number in range(count)
    )
