"""`securityEvents`: the audit log of a company account for admins."""

from datetime import timedelta
from typing import Any

import models
from tests.api.conftest import ADDRESS, FIREFOX, ClientFactory
from tests.support.api_users import ApiUser, activate, log_in
from tests.support.clock import START, Clock, instant
from tests.support.operations import ADMIN_RESET_TWO_FACTOR, LOGIN, SECURITY_EVENTS
from tests.support.users import PASSWORD, WRONG_PASSWORD


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
