"""`logout`: ends the session of the request."""

from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api import Api
from tests.support.api_users import ApiUser, is_logged_in, log_in
from tests.support.operations import LOGOUT, SESSIONS, VIEWER
from transport.cookies import COOKIE_NAME


async def test_ends_the_session_of_the_bearer_token(
    logged_in_member: ApiUser, new_client: ClientFactory, side_effects: SideEffects
) -> None:
    """It ends at once with an audit event. The user's other sessions continue."""
    other_client = new_client()
    await log_in(other_client, logged_in_member.user)
    sessions = (await logged_in_member.client.execute_one(SESSIONS))["sessions"]
    (current,) = (session["id"] for session in sessions if session["current"])
    await side_effects()

    assert await logged_in_member.client.execute_one(LOGOUT) == {"__typename": "LoggedOut", "sessionId": current}

    assert not await is_logged_in(logged_in_member.client)
    assert await is_logged_in(other_client)
    assert await side_effects() == (["LOGGED_OUT"], [])


async def test_deletes_the_cookie(logged_in_member: ApiUser, client: Api) -> None:
    """The cookie is deleted in the browser, and a copy of it does not work."""
    await log_in(client, logged_in_member.user, transport="COOKIE")
    kept = client.http.cookies[COOKIE_NAME]

    response = await client.post(LOGOUT)

    assert "max-age=0" in response.headers["set-cookie"].lower()
    assert COOKIE_NAME not in client.http.cookies
    response = await client.post(VIEWER, headers={"cookie": f"{COOKIE_NAME}={kept}"})
    assert response.json() == {"data": {"viewer": None}, "extensions": {"session": "ENDED"}}


async def test_returns_the_same_result_without_a_session(
    logged_in_member: ApiUser, client: Api, side_effects: SideEffects
) -> None:
    """Without a session and after its end, there is no error and no audit event."""
    await logged_in_member.client.execute_one(LOGOUT)
    await side_effects()

    for logged_out_client in (client, logged_in_member.client):
        assert await logged_out_client.execute_one(LOGOUT) == {"__typename": "LoggedOut", "sessionId": None}
    assert await side_effects() == ([], [])
