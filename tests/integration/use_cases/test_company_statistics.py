"""The statistics of a company account equal its counted users, and each number has a filter of the list of users."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import models
from accounts import cleanup, users
from accounts.attempt_limits import password_limit
from accounts.attempt_waits import wait_after
from accounts.company_statistics import CompanyStatistics, read_statistics
from accounts.directory import UserQuery, count_users
from accounts.entities import Company, User
from accounts.errors import WrongEmailOrPasswordError
from accounts.login_locks import find_login_locks
from accounts.permissions import Viewer
from accounts.services import Services
from accounts.users import NewUser
from models import NEVER, PASSWORD_FACTOR, Role, SecondFactorMethod, UserEnforcement
from models.sql.users import record_sign_in
from security.constants import CLOCK_SLACK, FEW_BACKUP_CODES, SECOND_FACTOR_FAILURES_ALLOWED
from tests.integration.use_cases.helpers import CLIENT, TOKEN, raises
from tests.support.clock import Clock
from tests.support.users import WRONG_PASSWORD, insert_user
from twofactor.login import log_in

USERS = 10_000
MICROSECOND = timedelta(microseconds=1)
# The filter of each number, as the descriptions of the contract name it.
FILTERS: dict[str, dict[str, Any]] = {
    "active": {"is_enabled": True, "is_active": True},
    "inactive": {"is_enabled": True, "is_active": False},
    "few_backup_codes": {"is_enabled": True, "backup_codes_remaining_at_most": FEW_BACKUP_CODES},
    "locked": {"is_enabled": True, "is_locked": True},
    "setup_due": {"is_setup_due": True},
    "disabled": {"is_enabled": False},
}
COLUMNS = (
    "id, company_id, email, email_key, name, name_key, search_key, role, password_hash, is_enabled, created_at, "
    "last_login_at, two_factor_activated_at, backup_codes_remaining, enforcement, exempt_until"
)
ADD_USERS = {
    "sqlite": f"INSERT INTO user_account ({COLUMNS}) VALUES ({', '.join('?' * 16)})",  # noqa: S608  # ours
    "postgres": f"INSERT INTO user_account ({COLUMNS}) VALUES ({', '.join(f'${n}' for n in range(1, 17))})",  # noqa: S608  # ours
}
ADD_LOCKS = {
    "sqlite": "INSERT INTO attempt_count (subject, factor, user_id, failures, failures_since_sign_in, undecided, "
    "last_attempt_at) VALUES (?, ?, ?, ?, ?, 0, ?)",
    "postgres": "INSERT INTO attempt_count (subject, factor, user_id, failures, failures_since_sign_in, undecided, "
    "last_attempt_at) VALUES ($1, $2, $3, $4, $5, 0, $6)",
}  # fmt: skip


async def add_users(services: Services, company: models.Company, dice: random.Random, number: int) -> Sequence[UUID]:
    """Insert users in random states."""
    now, rows = services.now(), []
    is_sqlite = services.database.dialect == "sqlite"
    for _ in range(number):
        user_id = uuid4()
        email = f"{user_id.hex}@acme.example"
        rows.append([
            str(user_id) if is_sqlite else user_id, str(company.id) if is_sqlite else company.id, email, email, "x",
            "x", "x", dice.choice([*Role]), "", dice.random() < 0.9, now, NEVER,
            dice.choice([None, now]), dice.randint(0, 10), dice.choice([*UserEnforcement]),
            dice.choice([None, now - MICROSECOND, now, now + MICROSECOND, now + timedelta(days=dice.randint(1, 9))]),
        ])  # fmt: skip
    async with services.database.transaction():
        await services.database.connection.execute_many(ADD_USERS[services.database.dialect], rows)
    return [UUID(str(row[0])) for row in rows]


async def add_locks(services: Services, user_ids: Sequence[UUID], dice: random.Random) -> None:
    """Insert attempt counts around the limits, for each factor."""
    now = services.now()
    rows: list[list[object]] = []
    for user_id in user_ids:
        factor = dice.choice([PASSWORD_FACTOR, *SecondFactorMethod])
        is_password = factor == PASSWORD_FACTOR
        subject = password_limit(services, f"{user_id.hex}@acme.example").subject if is_password else user_id.hex
        failures = dice.randint(0, 14)
        last = dice.choice([now - wait_after(failures), now, now + CLOCK_SLACK]) + dice.randint(-1, 1) * MICROSECOND
        user = (str(user_id) if services.database.dialect == "sqlite" else user_id) if is_password else None
        since_sign_in = dice.choice([failures, SECOND_FACTOR_FAILURES_ALLOWED - 1, SECOND_FACTOR_FAILURES_ALLOWED])
        rows.append([subject, factor, user, failures, since_sign_in, last])
    async with services.database.transaction():
        await services.database.connection.execute_many(ADD_LOCKS[services.database.dialect], rows)


async def counted(services: Services, company: models.Company) -> CompanyStatistics:
    """Count the users one by one, by the rules for a single user."""
    async with services.database.reading():
        rows = await models.User.filter(company_id=company.id)
    all_users = [User.of(row, company) for row in rows]
    now = services.now()
    locks = await find_login_locks(services, all_users)
    enabled = [(user, lock) for user, lock in zip(all_users, locks, strict=True) if user.is_enabled]
    few = [user for user, _ in enabled if (user.two_factor.backup_codes_remaining or 0) <= FEW_BACKUP_CODES]
    return CompanyStatistics(
        active=sum(user.two_factor.is_active for user, _ in enabled),
        inactive=sum(not user.two_factor.is_active for user, _ in enabled),
        few_backup_codes=sum(user.two_factor.is_active for user in few) if company.backup_codes_enabled else None,
        locked=sum(lock.until is not None or bool(lock.second_factors) for _, lock in enabled),
        setup_due=sum(user.two_factor.is_setup_required(now) for user, _ in enabled),
        disabled=len(all_users) - len(enabled),
    )


async def expect_counted(services: Services, viewer: Viewer) -> CompanyStatistics:
    """Assert that the statistics equal the counted users, and the length of each filtered list. Return them."""
    async with services.database.reading():
        company = await models.Company.get(id=viewer.user.company.id)
    viewer = replace(viewer, user=replace(viewer.user, company=Company.of(company)))

    statistics = await read_statistics(services, viewer.user.company)

    assert statistics == await counted(services, company)
    for name, wanted in FILTERS.items():
        assert (getattr(statistics, name) or 0) == await count_users(services, viewer, UserQuery(1, **wanted)), name
    everybody = await count_users(services, viewer, UserQuery(1))
    assert statistics.active + statistics.inactive + statistics.disabled == everybody
    for parts in (
        [UserQuery(1, is_locked=value) for value in (True, False)],
        [UserQuery(1, is_setup_due=value) for value in (True, False)],
    ):
        assert sum([await count_users(services, viewer, part) for part in parts]) == everybody, parts
    return statistics


async def set_rules(services: Services, company: models.Company, **rules: object) -> None:
    async with services.database.transaction():
        await models.Company.filter(id=company.id).update(**rules)


async def fold(services: Services) -> int:
    """Fold all changes, and return their number."""
    return sum([folded async for folded in cleanup.fold_user_counts(services)])


async def count_rows(services: Services) -> int:
    """Return the number of rows of which the statistics add up some."""
    async with services.database.reading():
        return await models.UserCount.all().count()


async def test_statistics_of_10_000_users_equal_counted_users(
    services: Services, company: models.Company, other_company: models.Company, admin_viewer: Viewer
) -> None:
    """After an import, after changes of many users at once, and after the folding."""
    dice = random.Random(16)
    ids = await add_users(services, company, dice, USERS)
    await add_users(services, other_company, dice, 10)
    await add_locks(services, dice.sample(ids, 500), dice)
    before = await expect_counted(services, admin_viewer)
    assert min(before.active, before.inactive, before.few_backup_codes or 0, before.locked, before.disabled) > 50

    assert await fold(services) > 0

    assert await read_statistics(services, admin_viewer.user.company) == before
    changes: list[dict[str, Any]] = [
        {"is_enabled": False},
        {"is_enabled": True, "role": Role.ADMIN},
        {"two_factor_activated_at": None, "backup_codes_remaining": 0},
        {"two_factor_activated_at": services.now(), "backup_codes_remaining": FEW_BACKUP_CODES},
        {"enforcement": UserEnforcement.EXEMPT, "exempt_until": services.now() + timedelta(days=100)},
        {"company_id": other_company.id},
    ]
    async with services.database.transaction():
        for change in changes:
            await models.User.filter(id__in=dice.sample(ids, 300)).exclude(id=admin_viewer.user.id).update(**change)
        await models.User.filter(id__in=dice.sample(ids, 300)).delete()
    await set_rules(services, company, two_factor_enforced=True)
    assert (await expect_counted(services, admin_viewer)).setup_due > 50


async def test_statistics_equal_counted_users_under_each_rule(
    services: Services, company: models.Company, admin_viewer: Viewer
) -> None:
    """Before, at and after the date of a rule, for everybody and for admins, and without backup codes."""
    dice = random.Random(20)
    ids = await add_users(services, company, dice, 300)
    await add_locks(services, ids, dice)
    for rules in (
        {"two_factor_enforced": True},
        {"enforce_from": services.now()},
        {"enforce_from": services.now() + MICROSECOND},
        {"two_factor_enforced": False, "two_factor_enforced_for_admins": True, "enforce_from": None},
        {"backup_codes_enabled": False},
    ):
        await set_rules(services, company, **rules)
        await expect_counted(services, admin_viewer)


async def test_folding_leaves_one_row_for_each_state(
    services: Services, company: models.Company, other_company: models.Company
) -> None:
    """Rows of states without users are deleted. A second folding has nothing to do."""
    dice = random.Random(17)
    for account in (company, other_company):
        await add_users(services, account, dice, 150)
    async with services.database.transaction():
        await models.User.all().update(is_enabled=True, role=Role.MEMBER)
    # On SQLite the changes need several transactions.
    assert await fold(services) > 300
    rows = await count_rows(services)

    async with services.database.transaction():
        await models.User.filter(company_id=other_company.id).delete()
    await fold(services)

    assert rows > await count_rows(services) > 0
    async with services.database.reading():
        states = [
            tuple(row.values())
            for row in await models.UserCount.filter(is_sum=True).values(
                "company_id", "is_enabled", "is_active", "has_few_codes", "role", "enforcement", "exempt_until"
            )
        ]
        assert len(states) == len(set(states)) == await models.UserCount.all().count()
        assert {state[0] for state in states} == {company.id}
    assert await fold(services) == 0


async def test_use_cases_change_the_statistics(
    services: Services, company: models.Company, admin_viewer: Viewer
) -> None:
    """The operator creates, disables, enables and deletes users, and changes a role."""
    await set_rules(services, company, two_factor_enforced_for_admins=True)
    nobody = CompanyStatistics(0, 1, 0, 0, 1, 0)
    assert await expect_counted(services, admin_viewer) == nobody

    hashed = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2E$" + "A" * 43
    new = [NewUser(f"new{number}@acme.example", "New", password_hash=hashed) for number in range(3)]
    assert await users.import_users(services, company.id, new) == (3, [])
    assert await expect_counted(services, admin_viewer) == replace(nobody, inactive=4)

    ids = [(await users.find_user_by_email(services, user.email)).id for user in new]
    await users.disable_user(services, ids[0])
    await users.set_role(services, ids[1], Role.ADMIN)
    await users.delete_user(services, ids[2])
    assert await expect_counted(services, admin_viewer) == replace(nobody, inactive=2, setup_due=2, disabled=1)

    await users.enable_user(services, ids[0])
    assert await expect_counted(services, admin_viewer) == replace(nobody, inactive=3, setup_due=2)


async def test_wrong_passwords_of_strangers_lock_a_user_until_the_wait_ends(
    services: Services, clock: Clock, member: models.User, admin_viewer: Viewer
) -> None:
    """Attempts at an unknown email lock nobody. A disabled user is not counted."""
    for email in [member.email] * 5 + ["unknown@acme.example"] * 5:
        await raises(log_in(services, CLIENT, email, WRONG_PASSWORD, TOKEN), WrongEmailOrPasswordError)
    assert (await expect_counted(services, admin_viewer)).locked == 1
    await users.disable_user(services, member.id)
    assert (await expect_counted(services, admin_viewer)).locked == 0
    await users.enable_user(services, member.id)
    clock.advance(timedelta(seconds=30))

    assert (await expect_counted(services, admin_viewer)).locked == 0


async def test_sign_in_writes_no_count_unless_the_state_changes(services: Services, company: models.Company) -> None:
    """Each sign-in updates the number of backup codes. Only the threshold matters."""
    now = services.now()
    async with services.database.transaction():
        user = await insert_user(
            company.id, "mia@acme.example", "Mia", role=Role.MEMBER, password_hash="-", now=now,
            two_factor_activated_at=now, backup_codes_remaining=FEW_BACKUP_CODES + 2,
        )  # fmt: skip
    rows = []
    for remaining in (FEW_BACKUP_CODES + 2, FEW_BACKUP_CODES + 1, FEW_BACKUP_CODES, FEW_BACKUP_CODES - 1):
        before = await count_rows(services)
        async with services.database.transaction():
            await record_sign_in(
                user.id, last_login_at=now, locale="en", two_factor_last_used_at=now, backup_codes_remaining=remaining
            )
        rows.append(await count_rows(services) - before)

    assert rows == [0, 0, 2, 0]


async def test_changes_beside_readers_and_the_folding_are_all_counted(
    services: Services, company: models.Company, admin_viewer: Viewer
) -> None:
    """No reader sees a change twice or not at all, and no change is lost."""
    ids = await add_users(services, company, random.Random(18), 40)
    total = len(ids) + 1
    is_done = asyncio.Event()

    async def change(own: Sequence[UUID], number: int) -> None:
        dice = random.Random(number)
        for _ in range(15):
            async with services.database.transaction():
                await models.User.filter(id__in=dice.sample(own, 3)).update(
                    is_enabled=dice.choice([True, False]), backup_codes_remaining=dice.randint(0, 5)
                )

    async def repeat_until_done(work: Any) -> None:  # noqa: ANN401  # a function without arguments
        while not is_done.is_set():
            await work()
            await asyncio.sleep(0)

    async def read() -> None:
        statistics = await read_statistics(services, admin_viewer.user.company)
        assert statistics.active + statistics.inactive + statistics.disabled == total

    others = asyncio.gather(repeat_until_done(lambda: fold(services)), repeat_until_done(read))
    # Each of them changes users of its own, so that they do not deadlock.
    await asyncio.gather(*(change(ids[number::4], number) for number in range(4)))
    is_done.set()
    await others

    await expect_counted(services, admin_viewer)
    await fold(services)
    await expect_counted(services, admin_viewer)
