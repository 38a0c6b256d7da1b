"""`logout`: the session of the request ends, and nothing else."""

from tests.api.conftest import Aftermath
from tests.api.steps import Connect, Person, is_signed_in, outcome, sign_in
from tests.support.api import Api
from transport.cookies import COOKIE_NAME

LOGOUT = "mutation Logout { logout { __typename sessionId } }"
CURRENT_SESSION = "{ viewer { sessions { id current } } }"


async def test_ends_the_session_that_the_bearer_token_carries(
    mia: Person, connect: Connect, aftermath: Aftermath
) -> None:
    """It is over at once and told in the trail; the user's other sessions go on."""
    elsewhere = connect()
    await sign_in(elsewhere, mia.user)
    sessions = (await outcome(mia.device, CURRENT_SESSION))["sessions"]
    (current,) = (session["id"] for session in sessions if session["current"])
    await aftermath()

    assert await outcome(mia.device, LOGOUT) == {"__typename": "LoggedOut", "sessionId": current}

    assert not await is_signed_in(mia.device)
    assert await is_signed_in(elsewhere)
    assert await aftermath() == (["LOGGED_OUT"], [])


async def test_takes_the_cookie_back(mia: Person, device: Api) -> None:
    """The browser is told to drop the cookie, and whoever has kept it is nobody."""
    await sign_in(device, mia.user, transport="COOKIE")
    kept = device.http.cookies[COOKIE_NAME]

    response = await device.post(LOGOUT)

    assert "max-age=0" in response.headers["set-cookie"].lower()
    assert COOKIE_NAME not in device.http.cookies
    response = await device.post("{ viewer { id } }", headers={"cookie": f"{COOKIE_NAME}={kept}"})
    assert response.json() == {"data": {"viewer": None}}


async def test_answers_the_same_where_nobody_was_signed_in(mia: Person, device: Api, aftermath: Aftermath) -> None:
    """Without a session, and again after the end of one, there is nothing to refuse and nothing to write down."""
    await outcome(mia.device, LOGOUT)
    await aftermath()

    for somebody in (device, mia.device):
        assert await outcome(somebody, LOGOUT) == {"__typename": "LoggedOut", "sessionId": None}
    assert await aftermath() == ([], [])
