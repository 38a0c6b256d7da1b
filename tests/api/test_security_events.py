"""`securityEvents`: the admin's trail of what happened to sign-in and 2FA in their company account."""

from datetime import timedelta
from typing import Any

import models
from tests.api.steps import (
    LOGIN,
    WRONG_PASSWORD,
    Connect,
    Person,
    activate,
    error_code,
    instant,
    outcome,
    sign_in,
)
from tests.conftest import PASSWORD
from tests.support.clock import START, Clock

EVENTS = """
    query Events($first: Int! = 25, $after: String, $filter: SecurityEventFilter) {
        securityEvents(first: $first, after: $after, filter: $filter) {
            nodes { id kind occurredAt user { email } actor { email } note }
            edges { cursor node { kind } }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        }
    }"""
RESET = """
    mutation Reset($userId: ID!, $password: String!) {
        adminResetTwoFactor(userId: $userId, password: $password, reason: "New phone") { __typename }
    }"""


async def kinds(person: Person, **wanted: object) -> list[str]:
    """The kinds of the events that a filter finds, sorted: some of them happen at one instant."""
    return sorted(event["kind"] for event in (await outcome(person.device, EVENTS, filter=wanted))["nodes"])


async def test_tells_the_whole_story_newest_first(mia: Person, ada: Person, clock: Clock) -> None:
    """From the activation to the reset, with who did it and why."""
    clock.advance(timedelta(minutes=1))
    await activate(mia, clock)
    clock.advance(timedelta(minutes=1))
    await outcome(ada.device, RESET, userId=f"user_{mia.user.id.hex}", password=PASSWORD)

    events = (await outcome(ada.device, EVENTS))["nodes"]

    newest = events[0]
    assert newest.pop("id").startswith("event_")
    assert newest == {
        "kind": "TWO_FACTOR_RESET",
        "occurredAt": instant(clock.now),
        "user": {"email": mia.user.email},
        "actor": {"email": ada.user.email},
        "note": "New phone",
    }
    assert sorted(event["kind"] for event in events[1:4]) == [
        "BACKUP_CODES_ISSUED",
        "TWO_FACTOR_ACTIVATED",
        "TWO_FACTOR_ACTIVATION_STARTED",
    ]
    assert [event["kind"] for event in events[4:]] == ["LOGIN_SUCCEEDED", "LOGIN_SUCCEEDED"]
    assert all(event["actor"] is None for event in events[1:4])


async def test_filters_narrow_together(mia: Person, ada: Person, clock: Clock) -> None:
    """By user, by kind and by time: `since` is taken in, `until` is left out, and an empty list finds nothing."""
    clock.advance(timedelta(minutes=1))
    await activate(mia, clock)
    mias, later = f"user_{mia.user.id.hex}", instant(START + timedelta(minutes=1))
    activation = ["BACKUP_CODES_ISSUED", "TWO_FACTOR_ACTIVATED", "TWO_FACTOR_ACTIVATION_STARTED"]

    assert await kinds(ada) == sorted(["LOGIN_SUCCEEDED", "LOGIN_SUCCEEDED", *activation])
    assert await kinds(ada, userId=mias) == sorted(["LOGIN_SUCCEEDED", *activation])
    assert await kinds(ada, userId="nonsense") == []
    assert await kinds(ada, kinds=["TWO_FACTOR_ACTIVATED", "LOCKED"]) == ["TWO_FACTOR_ACTIVATED"]
    assert await kinds(ada, kinds=[]) == []
    assert await kinds(ada, since=later) == activation
    assert await kinds(ada, until=later) == ["LOGIN_SUCCEEDED", "LOGIN_SUCCEEDED"]
    assert await kinds(ada, since="2026-11-24T14:06:10+01:00", kinds=["TWO_FACTOR_ACTIVATED"], userId=mias) == [
        "TWO_FACTOR_ACTIVATED"
    ]
    assert await kinds(ada, userId=None, kinds=None, since=None, until=None) == await kinds(ada)


async def test_pages_neither_repeat_nor_skip(mia: Person, ada: Person, clock: Clock) -> None:
    """Also where several events share an instant, and while new ones come in."""
    await activate(mia, clock)
    everything = (await outcome(ada.device, EVENTS))["nodes"]
    found: list[dict[str, Any]] = []
    after = None
    for _ in everything:
        page = await outcome(ada.device, EVENTS, first=1, after=after)
        found += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        await outcome(ada.device, LOGIN, email=mia.user.email, password=WRONG_PASSWORD)
        clock.advance(timedelta(hours=1))

    assert found == everything
    assert page["pageInfo"]["hasNextPage"] is False


async def test_a_failure_at_an_unknown_email_belongs_to_nobody(
    ada: Person, stranger: models.User, connect: Connect
) -> None:
    """It is in no company account's trail, and a failure elsewhere is in that one's alone."""
    device = connect()
    await outcome(device, LOGIN, email="nobody@acme.example", password=PASSWORD)
    await outcome(device, LOGIN, email=stranger.email, password=WRONG_PASSWORD)

    assert await kinds(ada) == ["LOGIN_SUCCEEDED"]
    stella = Person(stranger, device)
    await sign_in(device, stranger)
    assert await kinds(stella) == ["LOGIN_FAILED", "LOGIN_SUCCEEDED"]


async def test_what_is_out_of_bounds_is_the_clients_mistake(ada: Person) -> None:
    """Nothing is read."""
    for variables in (
        {"first": 0},
        {"first": 101},
        {"after": "nonsense"},
        {"filter": {"since": "yesterday"}},
        {"filter": {"since": "2026-11-24T13:05:00"}},
        {"filter": {"kinds": ["COFFEE"]}},
    ):
        assert await error_code(ada.device, EVENTS, **variables) == "BAD_USER_INPUT", variables
