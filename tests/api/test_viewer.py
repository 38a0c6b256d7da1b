"""`viewer`: who is signed in, and what they see of themselves."""

from datetime import timedelta

from tests.api.steps import ADDRESS, FIREFOX, Person, error_code, instant, outcome, sign_in, verify
from tests.api.steps import challenge as challenge_of
from tests.support.api import Api
from tests.support.clock import START, Clock

VIEWER = """
    query Viewer {
        viewer {
            __typename id email name role locale createdAt lastLoginAt
            company { id name twoFactorEnforced backupCodesEnabled }
            twoFactor { state enforced setupRequired activatedAt lastUsedAt backupCodesRemaining }
            sessions { createdAt lastSeenAt expiresAt ipAddress userAgent current secondFactor }
        }
    }"""
SESSIONS = "query Sessions { viewer { sessions { lastSeenAt current secondFactor } } }"
OWN_EVENTS = """
    query OwnEvents($first: Int!, $after: String) {
        viewer {
            securityEvents(first: $first, after: $after) {
                nodes { kind occurredAt user { id } actor { id } ipAddress userAgent note }
                edges { cursor node { kind } }
                pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
            }
        }
    }"""


async def test_sees_all_of_themselves(mia: Person) -> None:
    """Every field of the signed-in user, as the first page of an app asks for it."""
    assert await outcome(mia.device, VIEWER) == {
        "__typename": "User",
        "id": f"user_{mia.user.id.hex}",
        "email": "mia@acme.example",
        "name": "Mia",
        "role": "MEMBER",
        "locale": "en",
        "createdAt": instant(START),
        "lastLoginAt": instant(START),
        "company": {
            "id": f"company_{mia.user.company_id.hex}",
            "name": "Acme",
            "twoFactorEnforced": False,
            "backupCodesEnabled": True,
        },
        "twoFactor": {
            "state": "INACTIVE",
            "enforced": False,
            "setupRequired": False,
            "activatedAt": None,
            "lastUsedAt": None,
            "backupCodesRemaining": None,
        },
        "sessions": [
            {
                "createdAt": instant(START),
                "lastSeenAt": instant(START),
                "expiresAt": instant(START + timedelta(days=30)),
                "ipAddress": ADDRESS,
                "userAgent": FIREFOX,
                "current": True,
                "secondFactor": None,
            }
        ],
    }


async def test_is_null_where_nobody_is_signed_in(device: Api) -> None:
    """Without a session, and with a token of nobody, it is null beside what is public, and no error."""
    for token in (None, "cs_session_of_nobody", "nonsense"):
        device.session_token = token
        assert await device.data("{ viewer { id } authenticatorApps { name } }") == {
            "viewer": None,
            "authenticatorApps": [
                {"name": "Google Authenticator"},
                {"name": "Microsoft Authenticator"},
                {"name": "Authy"},
            ],
        }


async def test_a_refused_neighbour_leaves_it_readable(device: Api) -> None:
    """Root fields fail one by one."""
    answer = await device.execute("{ viewer { id } featureFlags { backupCodes } }")

    assert answer["data"] == {"viewer": None, "featureFlags": None}
    assert [error["path"] for error in answer["errors"]] == [["featureFlags"]]


async def test_lists_each_session_with_its_second_factor(mia_with_2fa: Person, device: Api, clock: Clock) -> None:
    """The youngest first, and the one that asks is marked; a use is remembered to within a minute."""
    await verify(device, await challenge_of(device, mia_with_2fa.user), backupCode=mia_with_2fa.codes[0])
    clock.advance(timedelta(minutes=5))

    assert (await outcome(mia_with_2fa.device, SESSIONS))["sessions"] == [
        {"lastSeenAt": instant(START + timedelta(seconds=30)), "current": False, "secondFactor": "BACKUP_CODE"},
        {"lastSeenAt": instant(clock.now), "current": True, "secondFactor": None},
    ]


async def test_a_session_ends_after_a_week_without_use_and_after_a_month_in_any_case(
    mia: Person, device: Api, clock: Clock
) -> None:
    """One second more is too late."""
    await sign_in(device, mia.user)
    for _ in range(4):
        clock.advance(timedelta(days=7, seconds=-1))
        assert (await mia.device.data("{ viewer { id } }"))["viewer"] is not None
    clock.advance(timedelta(days=2, seconds=4))

    assert (await mia.device.data("{ viewer { id } }"))["viewer"] is None, "thirty days after it began"
    assert (await device.data("{ viewer { id } }"))["viewer"] is None, "not used for a week"


async def test_reads_their_own_trail_page_by_page(mia: Person, device: Api, clock: Clock) -> None:
    """Newest first, with what an admin would see of it too; each page goes on where the one before ended."""
    clock.advance(timedelta(minutes=1))
    await sign_in(device, mia.user)
    variables = {"first": 1, "after": None}

    first = (await outcome(mia.device, OWN_EVENTS, **variables))["securityEvents"]
    second = (await outcome(mia.device, OWN_EVENTS, first=1, after=first["pageInfo"]["endCursor"]))["securityEvents"]

    assert first["nodes"] == [
        {
            "kind": "LOGIN_SUCCEEDED",
            "occurredAt": instant(clock.now),
            "user": {"id": f"user_{mia.user.id.hex}"},
            "actor": None,
            "ipAddress": ADDRESS,
            "userAgent": FIREFOX,
            "note": None,
        }
    ]
    assert first["edges"] == [{"cursor": first["pageInfo"]["endCursor"], "node": {"kind": "LOGIN_SUCCEEDED"}}]
    assert (first["pageInfo"]["hasNextPage"], first["pageInfo"]["hasPreviousPage"]) == (True, False)
    assert second["nodes"][0]["occurredAt"] == instant(START)
    assert (second["pageInfo"]["hasNextPage"], second["pageInfo"]["hasPreviousPage"]) == (False, True)
    after = second["pageInfo"]["endCursor"]
    empty = (await outcome(mia.device, OWN_EVENTS, first=1, after=after))["securityEvents"]
    assert empty == {
        "nodes": [],
        "edges": [],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": True, "startCursor": None, "endCursor": None},
    }


async def test_a_page_of_a_size_or_from_a_place_that_cannot_be_is_the_clients_mistake(mia: Person) -> None:
    """The field says so and is null."""
    for variables in ({"first": 0}, {"first": 101}, {"first": 1, "after": "nonsense"}, {"first": 1, "after": ""}):
        answer = await mia.device.execute(OWN_EVENTS, variables)
        assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert answer["data"] == {"viewer": {"securityEvents": None}}
    assert await error_code(mia.device, OWN_EVENTS, first="one") == "BAD_USER_INPUT"
