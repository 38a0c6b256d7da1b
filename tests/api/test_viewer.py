"""`viewer`: the logged-in user and their own fields."""

from datetime import timedelta

from tests.api.conftest import ADDRESS, FIREFOX
from tests.support.api import Api
from tests.support.api_users import INACTIVE_TWO_FACTOR, ApiUser, is_logged_in, log_in, start_login, verify_login
from tests.support.clock import START, Clock, instant
from tests.support.operations import SESSIONS

VIEWER = """
    query Viewer {
        viewer {
            __typename id email name role locale createdAt lastLoginAt
            company { id name twoFactorEnforced backupCodesEnabled }
            twoFactor { state enforced setupRequired activatedAt lastUsedAt backupCodesRemaining }
            sessions { createdAt lastSeenAt expiresAt ipAddress userAgent deviceName current secondFactor }
        }
    }"""
OWN_EVENTS = """
    query OwnEvents($first: Int!, $after: String) {
        viewer {
            securityEvents(first: $first, after: $after) {
                nodes { kind occurredAt user { id } actor { id } ipAddress userAgent deviceName note }
                edges { cursor node { kind } }
                pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
            }
        }
    }"""


async def test_returns_all_fields_of_the_viewer(logged_in_member: ApiUser) -> None:
    """It reads every field of the logged-in user in one query."""
    assert await logged_in_member.client.execute_one(VIEWER) == {
        "__typename": "User",
        "id": logged_in_member.id,
        "email": "mia@acme.example",
        "name": "Mia",
        "role": "MEMBER",
        "locale": "en",
        "createdAt": instant(START),
        "lastLoginAt": instant(START),
        "company": {
            "id": f"company_{logged_in_member.user.company_id.hex}",
            "name": "Acme",
            "twoFactorEnforced": False,
            "backupCodesEnabled": True,
        },
        "twoFactor": INACTIVE_TWO_FACTOR,
        "sessions": [
            {
                "createdAt": instant(START),
                "lastSeenAt": instant(START),
                "expiresAt": instant(START + timedelta(days=30)),
                "ipAddress": ADDRESS,
                "userAgent": FIREFOX,
                "deviceName": "Firefox, Linux",
                "current": True,
                "secondFactor": None,
            }
        ],
    }


async def test_is_null_if_nobody_is_logged_in(client: Api) -> None:
    """Without a session or with an unknown token there is no error, and public fields work."""
    for token in (None, "cs_session_of_nobody", "nonsense"):
        client.session_token = token
        assert await client.data("{ viewer { id } authenticatorApps { name } }") == {
            "viewer": None,
            "authenticatorApps": [
                {"name": "Google Authenticator"},
                {"name": "Microsoft Authenticator"},
                {"name": "Authy"},
            ],
        }


async def test_is_readable_if_another_root_field_fails(client: Api) -> None:
    """Root fields fail independently."""
    result = await client.execute("{ viewer { id } featureFlags { backupCodes } }")

    assert result["data"] == {"viewer": None, "featureFlags": None}
    assert [error["path"] for error in result["errors"]] == [["featureFlags"]]


async def test_lists_sessions_newest_first(member_with_2fa: ApiUser, client: Api, clock: Clock) -> None:
    """The current session is marked. `lastSeenAt` is exact to one minute."""
    await verify_login(client, await start_login(client, member_with_2fa.user), backupCode=member_with_2fa.codes[0])
    clock.advance(timedelta(minutes=5))

    newest, current = (await member_with_2fa.client.execute_one(SESSIONS))["sessions"]
    assert (newest["lastSeenAt"], newest["current"]) == (instant(START + timedelta(seconds=30)), False)
    assert newest["secondFactor"] == "BACKUP_CODE"
    assert (current["lastSeenAt"], current["current"]) == (instant(clock.now), True)
    # The user confirmed an OTP in it.
    assert current["secondFactor"] == "OTP"


async def test_session_expires_after_7_days_without_use_or_30_days(
    logged_in_member: ApiUser, client: Api, clock: Clock
) -> None:
    """One second later is too late."""
    await log_in(client, logged_in_member.user)
    for _ in range(4):
        clock.advance(timedelta(days=7, seconds=-1))
        assert await is_logged_in(logged_in_member.client)
    clock.advance(timedelta(days=2, seconds=4))

    assert not await is_logged_in(logged_in_member.client), "30 days after the login"
    assert not await is_logged_in(client), "7 days without use"


async def test_reads_own_audit_events_in_pages(logged_in_member: ApiUser, client: Api, clock: Clock) -> None:
    """They are newest first. Each page continues after the previous one."""
    clock.advance(timedelta(minutes=1))
    await log_in(client, logged_in_member.user)
    variables = {"first": 1, "after": None}

    first = (await logged_in_member.client.execute_one(OWN_EVENTS, **variables))["securityEvents"]
    second = (await logged_in_member.client.execute_one(OWN_EVENTS, first=1, after=first["pageInfo"]["endCursor"]))[
        "securityEvents"
    ]

    assert first["nodes"] == [
        {
            "kind": "LOGIN_SUCCEEDED",
            "occurredAt": instant(clock.now),
            "user": {"id": logged_in_member.id},
            "actor": None,
            "ipAddress": ADDRESS,
            "userAgent": FIREFOX,
            "deviceName": "Firefox, Linux",
            "note": None,
        }
    ]
    assert first["edges"] == [{"cursor": first["pageInfo"]["endCursor"], "node": {"kind": "LOGIN_SUCCEEDED"}}]
    assert (first["pageInfo"]["hasNextPage"], first["pageInfo"]["hasPreviousPage"]) == (True, False)
    assert second["nodes"][0]["occurredAt"] == instant(START)
    assert (second["pageInfo"]["hasNextPage"], second["pageInfo"]["hasPreviousPage"]) == (False, True)
    after = second["pageInfo"]["endCursor"]
    empty = (await logged_in_member.client.execute_one(OWN_EVENTS, first=1, after=after))["securityEvents"]
    assert empty == {
        "nodes": [],
        "edges": [],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": True, "startCursor": None, "endCursor": None},
    }


async def test_rejects_an_invalid_page_size_or_cursor(logged_in_member: ApiUser) -> None:
    """The field is null and its error is `BAD_USER_INPUT`."""
    for variables in ({"first": 0}, {"first": 101}, {"first": 1, "after": "nonsense"}, {"first": 1, "after": ""}):
        result = await logged_in_member.client.execute(OWN_EVENTS, variables)
        assert result["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert result["data"] == {"viewer": {"securityEvents": None}}
    assert await logged_in_member.client.outcome(OWN_EVENTS, first="one") == "BAD_USER_INPUT"
