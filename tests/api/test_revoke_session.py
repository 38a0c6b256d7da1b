"""`revokeSession`: one of the viewer's own sessions is over."""

from tests.api.conftest import Aftermath
from tests.api.steps import Connect, Person, error_code, is_signed_in, outcome, sign_in
from tests.support.api import Api
from transport.cookies import COOKIE_NAME

REVOKE = """
    mutation Revoke($id: ID!) {
        revokeSession(id: $id) {
            __typename
            ... on SessionRevoked { sessionId viewer { email sessions { id current } } }
            ... on UserError { message }
        }
    }"""
CURRENT = "{ viewer { sessions { id current } } }"


async def current_session(device: Api) -> str:
    """The id of the session that a device carries."""
    (current,) = (session["id"] for session in (await outcome(device, CURRENT))["sessions"] if session["current"])
    return str(current)


async def test_ends_a_session_elsewhere(mia: Person, device: Api, aftermath: Aftermath) -> None:
    """Its next request is anonymous, the answer lists what is left, and the trail keeps it."""
    await sign_in(device, mia.user)
    elsewhere, here = await current_session(device), await current_session(mia.device)
    await aftermath()

    assert await outcome(mia.device, REVOKE, id=elsewhere) == {
        "__typename": "SessionRevoked",
        "sessionId": elsewhere,
        "viewer": {"email": mia.user.email, "sessions": [{"id": here, "current": True}]},
    }
    assert not await is_signed_in(device)
    assert await is_signed_in(mia.device)
    assert await aftermath() == (["SESSION_REVOKED"], [])


async def test_the_current_one_may_be_it(mia: Person, device: Api) -> None:
    """It signs out here, and takes the cookie back."""
    await sign_in(device, mia.user, transport="COOKIE")

    answer = await outcome(device, REVOKE, id=await current_session(device))

    assert answer["__typename"] == "SessionRevoked"
    assert not any(session["current"] for session in answer["viewer"]["sessions"])
    assert COOKIE_NAME not in device.http.cookies
    assert not await is_signed_in(device)


async def test_nobody_elses_session_is_there(mia: Person, ada: Person, connect: Connect, aftermath: Aftermath) -> None:
    """Another user's session, one that is over and nonsense get one answer, to admins too."""
    device = connect(language="de")
    device.session_token = ada.device.session_token
    theirs = await current_session(mia.device)
    await aftermath()

    for session_id in (theirs, f"session_{'0' * 32}", f"user_{ada.user.id.hex}", "", "x" * 5000):
        assert await outcome(device, REVOKE, id=session_id) == {
            "__typename": "SessionNotFound",
            "message": "Diese Sitzung ist bereits beendet.",
        }
    assert await is_signed_in(mia.device)
    assert await aftermath() == ([], [])


async def test_nobody_revokes_without_a_session(device: Api) -> None:
    """Who is not signed in has no sessions."""
    assert await error_code(device, REVOKE, id="session_of_nobody") == "UNAUTHENTICATED"
