"""Logins of pages of other sites, whose browsers store no session cookie."""

import pytest

import models
from tests.api.conftest import SideEffects
from tests.support.api import Api, error_code
from tests.support.api_users import ApiUser, start_login
from tests.support.clock import Clock
from tests.support.operations import LOGIN, VERIFY_LOGIN
from tests.support.users import PASSWORD, WRONG_PASSWORD

# The page has the host of the API, but was loaded in clear. For browsers this is another site, which the API allows.
OTHER_SITE = {"origin": "http://countersign.test", "sec-fetch-site": "cross-site"}
SAME_SITE = [
    {},
    {"origin": "http://countersign.test"},
    {"origin": "http://countersign.test", "sec-fetch-site": "same-site"},
    {"origin": "https://countersign.test", "sec-fetch-site": "same-origin"},
]


@pytest.mark.parametrize("password", [PASSWORD, WRONG_PASSWORD])
async def test_login_with_a_cookie_is_rejected_before_anything_is_checked(
    client: Api, member: models.User, side_effects: SideEffects, password: str
) -> None:
    """Otherwise the user would seem to be logged in. A wrong password and a right one get the same answer."""
    variables = {"email": member.email, "password": password, "transport": "COOKIE"}
    for _ in range(6):
        response = await client.post(LOGIN, variables, headers=OTHER_SITE)

        assert error_code(response.json()) == "BAD_USER_INPUT"
        assert response.json()["errors"][0]["message"].startswith("transport: COOKIE does not work")
        assert response.json()["data"] == {"login": None}
        assert "set-cookie" not in response.headers
    assert await side_effects() == ([], [])
    assert await client.outcome(LOGIN, email=member.email, password=PASSWORD) == "LoggedIn"


async def test_rejection_speaks_german(client: Api, member: models.User) -> None:
    """The message names the argument."""
    variables = {"email": member.email, "password": PASSWORD, "transport": "COOKIE"}
    response = await client.post(LOGIN, variables, headers=OTHER_SITE | {"accept-language": "de"})

    assert response.json()["errors"][0]["message"].startswith("transport: COOKIE geht nicht")


async def test_login_with_a_token_works(client: Api, member: models.User) -> None:
    """The page stores the token itself."""
    response = await client.post(LOGIN, {"email": member.email, "password": PASSWORD}, headers=OTHER_SITE)

    assert response.json()["data"]["login"]["sessionToken"].startswith("cs_session_")


@pytest.mark.parametrize("headers", SAME_SITE, ids=str)
async def test_other_origin_of_the_same_site_gets_the_cookie(
    client: Api, member: models.User, headers: dict[str, str]
) -> None:
    """Browsers store it (SameSite=Lax), and clients that are no browsers send none of the headers."""
    variables = {"email": member.email, "password": PASSWORD, "transport": "COOKIE"}
    response = await client.post(LOGIN, variables, headers=headers)

    assert response.json()["data"]["login"]["__typename"] == "LoggedIn"
    assert "set-cookie" in response.headers


@pytest.mark.parametrize("kind", ["otp", "backupCode"])
async def test_challenge_for_a_cookie_cannot_be_completed_from_another_site(
    member_with_2fa: ApiUser, clock: Clock, client: Api, side_effects: SideEffects, kind: str
) -> None:
    """The second factor is not checked, and the challenge stays valid."""
    challenge = await start_login(client, member_with_2fa.user, transport="COOKIE")
    otp = member_with_2fa.authenticator.otp(clock.now)
    factor = {"otp": otp} if kind == "otp" else {"backupCode": member_with_2fa.codes[0]}
    variables = {"challengeToken": challenge, "secondFactor": factor}
    await side_effects()

    response = await client.post(VERIFY_LOGIN, variables, headers=OTHER_SITE)

    assert error_code(response.json()) == "BAD_USER_INPUT"
    assert response.json()["errors"][0]["message"].startswith("challengeToken: COOKIE does not work")
    assert await side_effects() == ([], [])
    assert await client.outcome(VERIFY_LOGIN, **variables) == "LoggedIn"
