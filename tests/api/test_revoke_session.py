"""`revokeSession`: ends one of the viewer's own sessions."""

from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api import Api
from tests.support.api_users import ApiUser, is_logged_in, log_in
from tests.support.operations import SESSIONS
from transport.cookies import COOKIE_NAME

REVOKE = """
    mutation Revoke($id: ID!) {
        revokeSession(id: $id) {
            __typename
            ... on SessionRevoked { sessionId viewer { email sessions { id current } } }
            ... on UserError { message }
        }
    }"""


async def current_session(client: Api) -> str:
    """Return the id of the client's session."""
    (current,) = (session["id"] for session in (await client.execute_one(SESSIONS))["sessions"] if session["current"])
    return str(current)


async def test_ends_the_session_of_another_client(
    logged_in_member: ApiUser, client: Api, side_effects: SideEffects
) -> None:
    """Its next request is anonymous, the result lists the remaining sessions, and an event is written."""
    await log_in(client, logged_in_member.user)
    other_client, here = await current_session(client), await current_session(logged_in_member.client)
    await side_effects()

    assert await logged_in_member.client.execute_one(REVOKE, id=other_client) == {
        "__typename": "SessionRevoked",
        "sessionId": other_client,
        "viewer": {"email": logged_in_member.user.email, "sessions": [{"id": here, "current": True}]},
    }
    assert not await is_logged_in(client)
    assert await is_logged_in(logged_in_member.client)
    assert await side_effects() == (["SESSION_REVOKED"], [])


async def test_can_end_the_current_session(logged_in_member: ApiUser, client: Api) -> None:
    """It logs the client out and deletes the cookie."""
    await log_in(client, logged_in_member.user, transport="COOKIE")

    result = await client.execute_one(REVOKE, id=await current_session(client))

    assert result["__typename"] == "SessionRevoked"
    assert not any(session["current"] for session in result["viewer"]["sessions"])
    assert COOKIE_NAME not in client.http.cookies
    assert not await is_logged_in(client)


async def test_returns_session_not_found_for_any_other_id(
    logged_in_member: ApiUser, logged_in_admin: ApiUser, new_client: ClientFactory, side_effects: SideEffects
) -> None:
    """The result is the same for another user's session, an ended one and a malformed id."""
    client = new_client(language="de", session_token=logged_in_admin.session_token)
    theirs = await current_session(logged_in_member.client)
    await side_effects()

    for session_id in (theirs, f"session_{'0' * 32}", logged_in_admin.id, "", "x" * 5000):
        assert await client.execute_one(REVOKE, id=session_id) == {
            "__typename": "SessionNotFound",
            "message": "Diese Sitzung ist bereits beendet.",
        }
    assert await is_logged_in(logged_in_member.client)
    assert await side_effects() == ([], [])


async def test_requires_a_session(client: Api) -> None:
    """Without a session, the error is `UNAUTHENTICATED`."""
    assert await client.outcome(REVOKE, id="session_of_nobody") == "UNAUTHENTICATED"
