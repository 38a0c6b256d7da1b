"""The log of the server: a line for each audit event, and who made each request (ASVS 16.2.1, 16.3)."""

from collections.abc import Iterator

import pytest
import structlog

import models
from accounts import companies, users
from accounts.services import Services
from accounts.users import NewUser
from security.constants import LONGEST_WAIT
from security.cost_limiter import CostLimiter
from tests.support.api import Api
from tests.support.api_users import ApiUser, log_in, start_login, verify_outcome
from tests.support.clock import Clock
from tests.support.log_output import LogOutput, captured_log
from tests.support.operations import (
    ADMIN_RESET_TWO_FACTOR,
    LOGIN,
    LOGOUT,
    START_TWO_FACTOR_ACTIVATION,
    START_WITH_VOUCHER,
    VIEWER,
)
from tests.support.users import PASSWORD, WRONG_BACKUP_CODE, WRONG_PASSWORD

OUTCOMES = {
    "LOGIN_FAILED": "failure",
    "SECOND_FACTOR_REQUIRED": "pending",
    "SECOND_FACTOR_FAILED": "failure",
    "VOUCHER_FAILED": "failure",
    "REAUTHENTICATION_FAILED": "failure",
    "LOCKED": "failure",
}


@pytest.fixture
def log_output() -> Iterator[LogOutput]:
    """Capture the log from INFO, as in production."""
    with captured_log("INFO") as output:
        yield output


async def test_each_audit_event_is_a_line(
    log_output: LogOutput,
    api: Api,
    member_with_2fa: ApiUser,
    logged_in_admin: ApiUser,
    clock: Clock,
    services: Services,
    password_hash: str,
) -> None:
    """The line has the ids, the address and the outcome of the event. It has no note, which an admin writes."""
    # The requests of this test run in its own task. The operator's commands have no request.
    structlog.contextvars.clear_contextvars()
    company = await companies.create_company(services, "Elsewhere")
    new = [NewUser(f"user{number}@elsewhere.example", "User", password_hash=password_hash) for number in range(3)]
    await users.import_users(services, company.id, new)
    for _ in range(5):
        await api.outcome(LOGIN, email=logged_in_admin.user.email, password=WRONG_PASSWORD)
    await api.outcome(LOGIN, email="nobody@acme.example", password=PASSWORD)
    await member_with_2fa.client.outcome(START_TWO_FACTOR_ACTIVATION, password=WRONG_PASSWORD)
    challenge = await start_login(api, member_with_2fa.user)
    for otp in (member_with_2fa.authenticator.wrong_otp(clock.now), member_with_2fa.authenticator.otp(clock.now)):
        await verify_outcome(api, challenge, otp=otp)
    clock.advance(LONGEST_WAIT)
    reset = {"userId": member_with_2fa.id, "password": PASSWORD, "reason": "mia@acme.example lost the phone"}
    async with services.database.transaction():
        await models.Company.all().update(resets_need_voucher=True)
    assert await logged_in_admin.client.outcome(ADMIN_RESET_TWO_FACTOR, **reset) == "TwoFactorReset"
    await log_in(member_with_2fa.client, member_with_2fa.user)
    await member_with_2fa.client.outcome(START_WITH_VOUCHER, password=PASSWORD, voucher=WRONG_BACKUP_CODE)

    async with services.database.reading():
        events = await models.SecurityEvent.all()
    names = ("event_id", "kind", "company_id", "user_id", "actor_id", "ip_address", "outcome")
    lines = log_output.find_all("audit_event")
    assert sorted(tuple(str(line.get(name)) for name in names) for line in lines) == sorted(
        tuple(map(str, (
            event.id, event.kind.value, event.company_id, event.user_id, event.actor_id, event.ip_address,
            OUTCOMES.get(event.kind, "success"),
        )))
        for event in events
    )  # fmt: skip
    assert {event.kind for event in events} >= {*OUTCOMES, "COMPANY_CREATED", "USER_CREATED", "TWO_FACTOR_RESET"}
    assert "lost the phone" not in log_output.getvalue()
    assert all(line["correlation_id"] for line in lines if "ip_address" in line)


async def test_request_line_names_who_asked_and_the_outcome(
    log_output: LogOutput, api: Api, member_with_2fa: ApiUser, clock: Clock
) -> None:
    """Before a login is complete, the line names no user."""
    before = len(log_output.find_all("request"))
    await api.outcome(LOGIN, email=member_with_2fa.user.email, password=WRONG_PASSWORD)
    challenge = await start_login(api, member_with_2fa.user)
    await verify_outcome(api, challenge, otp=member_with_2fa.authenticator.otp(clock.now))
    await member_with_2fa.client.execute("{ users { totalCount } }")
    await member_with_2fa.client.execute(VIEWER)
    await member_with_2fa.client.execute(LOGOUT)
    await member_with_2fa.client.execute(VIEWER)

    user_id = str(member_with_2fa.user.id)
    lines = log_output.find_all("request")[before:]
    assert {line["ip_address"] for line in lines} == {"127.0.0.1"}
    assert [(line["operation"], line["outcome"], line.get("user_id")) for line in lines] == [
        ("login", "login=WrongEmailOrPassword", None),
        ("login", "login=SecondFactorRequired", None),
        ("verifyLogin", "verifyLogin=LoggedIn", user_id),
        ("users", "FORBIDDEN", user_id),
        ("viewer", "ok", user_id),
        ("logout", "ok", user_id),
        ("viewer", "ok", None),
    ]


async def test_overload_by_one_user_names_the_user(
    log_output: LogOutput, logged_in_member: ApiUser, services: Services
) -> None:
    """The user has used up the cost of a minute."""
    object.__setattr__(services, "cost_limiter", CostLimiter(cost_per_minute=1))
    await logged_in_member.client.execute("{ viewer { id name email } }")
    line = log_output.find("service_unavailable")

    assert (line["source"], line["ip_address"]) == ("cost_limit", "127.0.0.1")
    assert line["user_id"] == log_output.find_all("request")[-1]["user_id"] == str(logged_in_member.user.id)
