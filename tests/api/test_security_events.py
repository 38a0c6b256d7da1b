"""`securityEvents`: the audit log of a company account for admins."""

from datetime import timedelta
from typing import Any

import models
from accounts import users
from accounts.services import Services
from models import Role
from models.database import Database
from tests.api.conftest import ADDRESS, FIREFOX, ClientFactory
from tests.support.api import Api
from tests.support.api_users import ApiUser, activate, log_in, start_activation, start_login, verify_login
from tests.support.clock import START, Clock, instant
from tests.support.operations import (
    ADMIN_RESET_TWO_FACTOR,
    CONFIRM_OTP,
    DEACTIVATE_TWO_FACTOR,
    LOGIN,
    LOGOUT,
    SECURITY_EVENTS,
)
from tests.support.users import PASSWORD, WRONG_BACKUP_CODE, WRONG_PASSWORD, set_security_policy

REGENERATE = """
    mutation($password: String!, $secondFactor: SecondFactorInput) {
        regenerateBackupCodes(password: $password, secondFactor: $secondFactor) { __typename }
    }"""
FACTS = """
    query SecurityEvents($filter: SecurityEventFilter) {
        securityEvents(first: 100, filter: $filter) { nodes { kind factor during change { field from to } } }
    }"""


async def kinds(api_user: ApiUser, **wanted: object) -> list[str]:
    """Return the sorted kinds of the events that match a filter. Some events share an instant."""
    return sorted(
        event["kind"] for event in (await api_user.client.execute_one(SECURITY_EVENTS, filter=wanted))["nodes"]
    )


async def test_returns_all_events_newest_first(
    logged_in_member: ApiUser, logged_in_admin: ApiUser, clock: Clock
) -> None:
    """They cover the activation and the reset, including the admin and the reason."""
    clock.advance(timedelta(minutes=1))
    await activate(logged_in_member, clock)
    clock.advance(timedelta(minutes=1))
    await logged_in_admin.client.execute_one(
        ADMIN_RESET_TWO_FACTOR, userId=logged_in_member.id, password=PASSWORD, reason="New phone"
    )

    events = (await logged_in_admin.client.execute_one(SECURITY_EVENTS))["nodes"]

    newest = events[0]
    assert newest.pop("id").startswith("event_")
    assert newest == {
        "kind": "TWO_FACTOR_RESET",
        "occurredAt": instant(clock.now),
        "user": {"id": logged_in_member.id, "email": logged_in_member.user.email},
        "actor": {"id": logged_in_admin.id, "email": logged_in_admin.user.email},
        "ipAddress": ADDRESS,
        "userAgent": FIREFOX,
        "note": "New phone",
    }
    assert sorted(event["kind"] for event in events[1:4]) == [
        "BACKUP_CODES_ISSUED",
        "TWO_FACTOR_ACTIVATED",
        "TWO_FACTOR_ACTIVATION_STARTED",
    ]
    assert [event["kind"] for event in events[4:]] == ["LOGIN_SUCCEEDED", "LOGIN_SUCCEEDED"]
    assert all(event["actor"] is None for event in events[1:4])


async def test_combines_filters(logged_in_member: ApiUser, logged_in_admin: ApiUser, clock: Clock) -> None:
    """`since` is inclusive, `until` is exclusive, and an empty list of kinds finds nothing."""
    clock.advance(timedelta(minutes=1))
    await activate(logged_in_member, clock)
    member_id, later = logged_in_member.id, instant(START + timedelta(minutes=1))
    activation = ["BACKUP_CODES_ISSUED", "TWO_FACTOR_ACTIVATED", "TWO_FACTOR_ACTIVATION_STARTED"]

    assert await kinds(logged_in_admin) == sorted(["LOGIN_SUCCEEDED", "LOGIN_SUCCEEDED", *activation])
    assert await kinds(logged_in_admin, userId=member_id) == sorted(["LOGIN_SUCCEEDED", *activation])
    assert await kinds(logged_in_admin, userId="nonsense") == []
    assert await kinds(logged_in_admin, kinds=["TWO_FACTOR_ACTIVATED", "LOCKED"]) == ["TWO_FACTOR_ACTIVATED"]
    assert await kinds(logged_in_admin, kinds=[]) == []
    assert await kinds(logged_in_admin, since=later) == activation
    assert await kinds(logged_in_admin, until=later) == ["LOGIN_SUCCEEDED", "LOGIN_SUCCEEDED"]
    assert await kinds(
        logged_in_admin, since="2026-11-24T14:06:10+01:00", kinds=["TWO_FACTOR_ACTIVATED"], userId=member_id
    ) == ["TWO_FACTOR_ACTIVATED"]
    assert await kinds(logged_in_admin, userId=None, kinds=None, since=None, until=None) == await kinds(logged_in_admin)


async def test_pages_do_not_repeat_or_skip_events(
    logged_in_member: ApiUser, logged_in_admin: ApiUser, clock: Clock
) -> None:
    """This holds for events with the same instant and while new events are added."""
    await activate(logged_in_member, clock)
    everything = (await logged_in_admin.client.execute_one(SECURITY_EVENTS))["nodes"]
    found: list[dict[str, Any]] = []
    after = None
    for _ in everything:
        page = await logged_in_admin.client.execute_one(SECURITY_EVENTS, first=1, after=after)
        found += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        await logged_in_admin.client.execute_one(LOGIN, email=logged_in_member.user.email, password=WRONG_PASSWORD)
        clock.advance(timedelta(hours=1))

    assert found == everything
    assert page["pageInfo"]["hasNextPage"] is False


async def test_failed_login_with_unknown_email_is_in_no_log(
    logged_in_admin: ApiUser, other_company_admin: models.User, new_client: ClientFactory
) -> None:
    """A failed login of another company account is only in the log of that one."""
    client = new_client()
    await client.execute_one(LOGIN, email="nobody@acme.example", password=PASSWORD)
    await client.execute_one(LOGIN, email=other_company_admin.email, password=WRONG_PASSWORD)

    assert await kinds(logged_in_admin) == ["LOGIN_SUCCEEDED"]
    other_admin = await log_in(client, other_company_admin)
    assert await kinds(other_admin) == ["LOGIN_FAILED", "LOGIN_SUCCEEDED"]


async def test_rejects_invalid_arguments(logged_in_admin: ApiUser) -> None:
    """The error is `BAD_USER_INPUT`."""
    for variables in (
        {"first": 0},
        {"first": 101},
        {"after": "nonsense"},
        {"filter": {"since": "yesterday"}},
        {"filter": {"since": "2026-11-24T13:05:00"}},
        {"filter": {"kinds": ["COFFEE"]}},
    ):
        assert await logged_in_admin.client.outcome(SECURITY_EVENTS, **variables) == "BAD_USER_INPUT", variables


async def facts(api_user: ApiUser, *kinds: str) -> list[dict[str, Any]]:
    """Return kind and facts of the events of some kinds, newest first."""
    nodes: list[dict[str, Any]] = (await api_user.client.execute_one(FACTS, filter={"kinds": list(kinds)}))["nodes"]
    return nodes


def fact(kind: str, factor: str | None, during: str | None) -> dict[str, Any]:
    """Return the facts of an event without a change."""
    return {"kind": kind, "factor": factor, "during": during, "change": None}


async def test_wrong_code_says_where_it_was_entered(
    logged_in_member: ApiUser,
    logged_in_admin: ApiUser,
    client: Api,
    database: Database,
    company: models.Company,
    clock: Clock,
) -> None:
    """A typo in the set-up is no sign that somebody has the password. A wrong code at a login is."""
    activation_id, authenticator = await start_activation(logged_in_member.client)
    wrong = authenticator.wrong_otp(clock.now)
    await logged_in_member.client.execute_one(CONFIRM_OTP, activationId=activation_id, otp=wrong)
    enrolled = await activate(logged_in_member, clock)
    clock.advance(timedelta(minutes=1))
    challenge = await start_login(client, enrolled.user)
    await verify_login(client, challenge, backupCode=WRONG_BACKUP_CODE)
    await set_security_policy(database, company, second_factor_for_changes=True)
    clock.advance(timedelta(minutes=1))
    await enrolled.client.execute_one(
        REGENERATE, password=PASSWORD, secondFactor={"otp": enrolled.authenticator.wrong_otp(clock.now)}
    )
    clock.advance(timedelta(minutes=1))
    await enrolled.client.execute_one(REGENERATE, password=PASSWORD, secondFactor={"backupCode": enrolled.codes[0]})

    assert await facts(logged_in_admin, "SECOND_FACTOR_FAILED", "BACKUP_CODE_USED") == [
        fact("BACKUP_CODE_USED", "BACKUP_CODE", "REAUTHENTICATION"),
        fact("SECOND_FACTOR_FAILED", "OTP", "REAUTHENTICATION"),
        fact("SECOND_FACTOR_FAILED", "BACKUP_CODE", "LOGIN"),
        fact("SECOND_FACTOR_FAILED", "OTP", "ACTIVATION"),
    ]
    assert {event["during"] for event in await facts(logged_in_admin, "BACKUP_CODES_ISSUED")} == {
        "ACTIVATION",
        "REGENERATION",
    }


async def test_waits_and_logins_name_factor_and_context(
    member_with_2fa: ApiUser, logged_in_admin: ApiUser, client: Api, clock: Clock
) -> None:
    """An event about passwords has no factor."""
    challenge = await start_login(client, member_with_2fa.user)
    await verify_login(client, challenge, backupCode=member_with_2fa.codes[0])
    for _ in range(5):
        await client.outcome(LOGIN, email=member_with_2fa.user.email, password=WRONG_PASSWORD)
        clock.advance(timedelta(seconds=1))
    for _ in range(5):
        await member_with_2fa.client.outcome(DEACTIVATE_TWO_FACTOR, password=WRONG_PASSWORD)
        clock.advance(timedelta(seconds=1))

    assert await facts(logged_in_admin, "LOCKED") == [
        fact("LOCKED", None, "REAUTHENTICATION"),
        fact("LOCKED", None, "LOGIN"),
    ]
    assert fact("LOGIN_SUCCEEDED", "BACKUP_CODE", "LOGIN") in await facts(logged_in_admin, "LOGIN_SUCCEEDED")
    assert await facts(logged_in_admin, "TWO_FACTOR_ACTIVATED") == [fact("TWO_FACTOR_ACTIVATED", "OTP", "ACTIVATION")]


async def test_change_has_each_value_before_and_after(
    logged_in_admin: ApiUser, member: models.User, services: Services
) -> None:
    """One update of the policy can change several rules. What stays as it was is no change."""
    await logged_in_admin.client.execute_one(
        """mutation($password: String!) { updateSecurityPolicy(
            password: $password, backupCodesEnabled: false, newDeviceEmails: false, twoFactorEnforced: false
        ) { __typename } }""",
        password=PASSWORD,
    )
    await users.set_role(services, member.id, Role.ADMIN)

    (policy,) = await facts(logged_in_admin, "SECURITY_POLICY_CHANGED")
    (role,) = await facts(logged_in_admin, "ROLE_CHANGED")

    assert policy["change"] == [
        {"field": "BACKUP_CODES_ENABLED", "from": "true", "to": "false"},
        {"field": "NEW_DEVICE_EMAILS", "from": "true", "to": "false"},
    ]
    assert role["change"] == [{"field": "ROLE", "from": "MEMBER", "to": "ADMIN"}]


async def test_devices_and_sessions_that_end_during_a_login_say_so(
    new_client: ClientFactory, member: models.User, logged_in_admin: ApiUser
) -> None:
    """Not what the user did: `forgetDevice` and `logout` have no context."""
    browser = new_client()
    for _ in range(2):
        await browser.execute_one(LOGIN, email=member.email, password=PASSWORD, transport="COOKIE")
    for _ in range(5):
        await browser.outcome(LOGIN, email=member.email, password=WRONG_PASSWORD)

    for kind in ("DEVICE_FORGOTTEN", "LOGGED_OUT"):
        assert await facts(logged_in_admin, kind) == [fact(kind, None, "LOGIN")]
    await browser.execute_one(LOGIN, email=member.email, password=PASSWORD, transport="COOKIE")
    await browser.execute_one(LOGOUT)
    assert fact("LOGGED_OUT", None, None) in await facts(logged_in_admin, "LOGGED_OUT")
