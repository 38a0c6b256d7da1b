"""`extensions.session` of an answer to a request with a token that is not that of a live session."""

from datetime import timedelta

import httpx
import pytest

import models
from models.database import Database
from security.constants import REAUTHENTICATION_FAILURES_ALLOWED, SESSION_IDLE_LIFETIME
from tests.api.conftest import ClientFactory
from tests.support.api import Api
from tests.support.api_users import ApiUser, is_logged_in, log_in
from tests.support.clock import Clock
from tests.support.operations import CHANGE_PASSWORD, FEATURE_FLAGS, LOGIN, LOGOUT, VIEWER
from tests.support.users import NEW_PASSWORD, PASSWORD, WRONG_PASSWORD
from transport.cookies import COOKIE_NAME

UNKNOWN = "cs_session_" + "A" * 43
NEEDS_NO_SESSION = ["{ __typename }", "{ authenticatorApps { name } }"]


def says_that_the_session_has_ended(response: httpx.Response) -> bool:
    """Return whether the answer says so."""
    extensions = response.json().get("extensions")
    assert extensions in (None, {"session": "ENDED"})
    return extensions is not None


def takes_the_cookie_back(response: httpx.Response) -> bool:
    """Return whether the answer deletes the session cookie."""
    cookies = response.headers.get_list("set-cookie")
    return any(cookie.startswith(f'{COOKIE_NAME}="";') and "Max-Age=0" in cookie for cookie in cookies)


@pytest.mark.parametrize(
    "authorization",
    [
        f"Bearer {UNKNOWN}",
        "Bearer null",
        "Bearer",
        "Bearer a b",
        f"Token {UNKNOWN}",
        UNKNOWN,
        "Bearer " + "x" * 500,
    ],
)
async def test_bad_bearer_token_is_reported(client: Api, authorization: str) -> None:
    """Otherwise a client could not tell an ended session from nobody. There is no error, and no cookie to take back."""
    headers = {"authorization": authorization, "cookie": f"{COOKIE_NAME}={UNKNOWN}"}
    response = await client.post(VIEWER, headers=headers)

    assert response.json() == {"data": {"viewer": None}, "extensions": {"session": "ENDED"}}
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("value", [UNKNOWN, "x", "", "cs_device_" + "A" * 43])
async def test_bad_cookie_is_reported_and_taken_back(client: Api, value: str) -> None:
    """The browser would send it for 30 days."""
    response = await client.post(VIEWER, headers={"cookie": f"{COOKIE_NAME}={value}"})

    assert response.json() == {"data": {"viewer": None}, "extensions": {"session": "ENDED"}}
    assert takes_the_cookie_back(response)


@pytest.mark.parametrize("headers", [{}, {"authorization": ""}, {"cookie": "other=1"}], ids=str)
async def test_request_without_a_token_gets_nothing(client: Api, headers: dict[str, str]) -> None:
    """A visitor has no session that could end."""
    for document in (VIEWER, FEATURE_FLAGS, LOGOUT):
        response = await client.post(document, headers=headers)

        assert not says_that_the_session_has_ended(response)
        assert "set-cookie" not in response.headers


@pytest.mark.parametrize("transport", ["TOKEN", "COOKIE"])
@pytest.mark.parametrize("end", ["expired", "disabled", "ended elsewhere"])
async def test_session_that_ended_is_reported(
    client: Api, member: models.User, database: Database, clock: Clock, transport: str, end: str
) -> None:
    """A live one is not. An error says the same as a null."""
    await log_in(client, member, transport=transport)
    assert not says_that_the_session_has_ended(await client.post(VIEWER))
    if end == "expired":
        clock.advance(SESSION_IDLE_LIFETIME)
    async with database.transaction():
        if end == "disabled":
            await models.User.filter(id=member.id).update(is_enabled=False)
        if end == "ended elsewhere":
            await models.Session.filter(user_id=member.id).delete()

    response = await client.post(FEATURE_FLAGS)

    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert says_that_the_session_has_ended(response)
    assert takes_the_cookie_back(response) == (transport == "COOKIE")
    assert says_that_the_session_has_ended(await client.post(VIEWER)) == (transport == "TOKEN")


@pytest.mark.parametrize("document", NEEDS_NO_SESSION)
async def test_operation_that_needs_no_session_says_nothing_about_it(client: Api, document: str) -> None:
    """The server does not look the session up for it."""
    response = await client.post(document, headers={"authorization": f"Bearer {UNKNOWN}"})

    assert not says_that_the_session_has_ended(response)


@pytest.mark.parametrize("transport", ["TOKEN", "COOKIE"])
async def test_logout_does_not_report_the_session_that_it_ended(
    client: Api, member: models.User, transport: str
) -> None:
    """The client asked for it. A later field of the operation is not authenticated, and the token was good."""
    await log_in(client, member, transport=transport)

    response = await client.post("mutation { logout { sessionId } revokeOtherSessions { __typename } }")

    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert not says_that_the_session_has_ended(response)


async def test_logout_with_a_dead_token_reports_it(logged_in_member: ApiUser) -> None:
    """The result is the same as ever."""
    await logged_in_member.client.post(LOGOUT)

    response = await logged_in_member.client.post(LOGOUT)

    assert response.json() == {
        "data": {"logout": {"__typename": "LoggedOut", "sessionId": None}},
        "extensions": {"session": "ENDED"},
    }


async def test_login_over_a_dead_cookie_keeps_the_new_one(client: Api, member: models.User) -> None:
    """The answer is that of a login, whatever the browser sent. So is that of a logout before it."""
    login = LOGIN.replace("mutation Login", "mutation").replace("login(", "logout { sessionId } login(", 1)
    for document in (LOGIN, login):
        client.http.cookies.set(COOKIE_NAME, UNKNOWN, domain="countersign.test", path="/")
        variables = {"email": member.email, "password": PASSWORD, "transport": "COOKIE"}
        response = await client.post(document, variables)

        assert not says_that_the_session_has_ended(response)
        assert await is_logged_in(client)


async def test_session_that_wrong_passwords_end_is_reported(logged_in_member: ApiUser, clock: Clock) -> None:
    """The token was good when the request began, and is not afterwards."""
    variables = {"currentPassword": WRONG_PASSWORD, "newPassword": NEW_PASSWORD}
    for _ in range(REAUTHENTICATION_FAILURES_ALLOWED):
        response = await logged_in_member.client.post(CHANGE_PASSWORD, variables)
        clock.advance(timedelta(hours=1))

    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert says_that_the_session_has_ended(response)


class TestTwoTabs:
    """The answer to a request under way must not delete the cookie that the browser got in the meantime."""

    async def late_answer(self, client: Api, old_cookie: str) -> httpx.Response:
        """Answer a request that the first tab sent with the old cookie."""
        return await client.post(VIEWER, headers={"cookie": f"{COOKIE_NAME}={old_cookie}"})

    async def test_login_in_another_tab(
        self, client: Api, new_client: ClientFactory, member: models.User, admin: models.User
    ) -> None:
        """The login ends the session of the old cookie, also if that was another user's."""
        for user in (member, admin):
            await log_in(client, member, transport="COOKIE")
            old = client.http.cookies[COOKIE_NAME]
            await log_in(client, user, transport="COOKIE")

            response = await self.late_answer(new_client(), old)

            assert says_that_the_session_has_ended(response)
            assert not takes_the_cookie_back(response)
            assert await is_logged_in(client)

    async def test_login_over_a_dead_cookie(self, client: Api, new_client: ClientFactory, member: models.User) -> None:
        """Two tabs can log in at the same time."""
        for _ in range(2):
            client.http.cookies.set(COOKIE_NAME, UNKNOWN, domain="countersign.test", path="/")
            await log_in(client, member, transport="COOKIE")

            response = await self.late_answer(new_client(), UNKNOWN)

            assert says_that_the_session_has_ended(response)
            assert not takes_the_cookie_back(response)

    async def test_change_in_another_tab(self, client: Api, new_client: ClientFactory, member: models.User) -> None:
        """The change replaced the cookie, and the new one is in use."""
        await log_in(client, member, transport="COOKIE")
        old = client.http.cookies[COOKIE_NAME]
        await client.execute_one(CHANGE_PASSWORD, currentPassword=PASSWORD, newPassword=NEW_PASSWORD)
        assert await is_logged_in(client)

        response = await self.late_answer(new_client(), old)

        assert says_that_the_session_has_ended(response)
        assert not takes_the_cookie_back(response)
        assert await is_logged_in(client)
