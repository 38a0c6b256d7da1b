"""`logout`: ends the session of the request."""

from tests.api.conftest import SideEffects
from tests.api.steps import ApiUser, ClientFactory, execute_one, is_logged_in, log_in
from tests.support.api import Api
from transport.cookies import COOKIE_NAME

LOGOUT = "mutation Logout { logout { __typename sessionId } }"
CURRENT_SESSION = "{ viewer { sessions { id current } } }"


async def test_ends_the_session_of_the_bearer_token(
    logged_in_member: ApiUser, new_client: ClientFactory, side_effects: SideEffects
) -> None:
    """It ends at once with an audit event. The user's other sessions continue."""
    other_client = new_client()
    await log_in(other_client, logged_in_member.user)
    sessions = (await execute_one(logged_in_member.client, CURRENT_SESSION))["sessions"]
    (current,) = (session["id"] for session in sessions if session["current"])
    await side_effects()

    assert await execute_one(logged_in_member.client, LOGOUT) == {"__typename": "LoggedOut", "sessionId": current}

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
    response = await client.post("{ viewer { id } }", headers={"cookie": f"{COOKIE_NAME}={kept}"})
    assert response.json() == {"data": {"viewer": None}}


async def test_returns_the_same_result_without_a_session(
    logged_in_member: ApiUser, client: Api, side_effects: SideEffects
) -> None:
    """Without a session and after its end, there is no error and no audit event."""
    await execute_one(logged_in_member.client, LOGOUT)
    await side_effects()

    for logged_out_client in (client, logged_in_member.client):
        assert await execute_one(logged_out_client, LOGOUT) == {"__typename": "LoggedOut", "sessionId": None}
    assert await side_effects() == ([], [])
