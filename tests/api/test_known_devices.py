"""Known devices: `login(deviceToken:, rememberDevice:)`, the cookie of a browser, `User.devices` and `forgetDevice`."""

from http.cookies import SimpleCookie

import httpx
import pytest

import models
from models.database import Database
from tests.api.conftest import ClientFactory
from tests.support.api import Api
from tests.support.api_users import ApiUser, start_login
from tests.support.clock import Clock
from tests.support.operations import LOGIN, VERIFY_LOGIN
from tests.support.users import PASSWORD, WRONG_PASSWORD, set_security_policy
from transport.cookies import COOKIE_NAME, DEVICE_COOKIE_NAME
from transport.stranger_delay import StrangerDelay

LOGIN_ON_DEVICE = """
    mutation Login($email: String!, $password: String!, $deviceToken: String, $rememberDevice: Boolean!) {
        login(email: $email, password: $password, deviceToken: $deviceToken, rememberDevice: $rememberDevice) {
            __typename
            ... on LoggedIn { sessionToken deviceToken }
            ... on SecondFactorRequired { challengeToken }
        }
    }"""
VERIFY_ON_DEVICE = """
    mutation Verify($challengeToken: String!, $secondFactor: SecondFactorInput!) {
        verifyLogin(challengeToken: $challengeToken, secondFactor: $secondFactor) {
            __typename
            ... on LoggedIn { sessionToken deviceToken }
        }
    }"""
DEVICES = "{ viewer { devices { id name firstSeenAt lastSeenAt current } } }"


async def log_in_on_device(
    client: Api, user: models.User, device_token: str | None = None, *, remember: bool = True
) -> str | None:
    """Log in an app without 2FA, and return the new device token."""
    result = await client.execute_one(
        LOGIN_ON_DEVICE, email=user.email, password=PASSWORD, deviceToken=device_token, rememberDevice=remember
    )
    client.session_token = result["sessionToken"]
    token: str | None = result["deviceToken"]
    return token


def device_cookie(response: httpx.Response) -> str | None:
    """Return the value of the device cookie that a response sets."""
    values = [SimpleCookie(header).get(DEVICE_COOKIE_NAME) for header in response.headers.get_list("set-cookie")]
    return next((morsel.value for morsel in values if morsel), None)


async def cookie_login(client: Api, user: models.User) -> httpx.Response:
    """Log in a browser without 2FA."""
    response = await client.post(LOGIN, {"email": user.email, "password": PASSWORD, "transport": "COOKIE"})
    assert response.json()["data"]["login"]["__typename"] == "LoggedIn"
    return response


async def test_app_gets_a_token_once_and_lists_its_device(member: models.User, client: Api, clock: Clock) -> None:
    """Without `rememberDevice` it gets none."""
    assert await log_in_on_device(client, member, remember=False) is None
    assert (await client.execute_one(DEVICES))["devices"] == []

    token = await log_in_on_device(client, member)

    assert token is not None
    (device,) = (await client.execute_one(DEVICES))["devices"]
    now = clock.now.isoformat(timespec="seconds").replace("+00:00", "Z")
    expected = {"name": "Firefox, Linux", "firstSeenAt": now, "lastSeenAt": now, "current": True}
    assert {key: device[key] for key in expected} == expected
    assert await log_in_on_device(client, member, token) is None
    assert len((await client.execute_one(DEVICES))["devices"]) == 1


async def test_app_with_2fa_gets_the_token_from_verify_login(
    member_with_2fa: ApiUser, client: Api, clock: Clock
) -> None:
    """`verifyLogin` keeps the choice of `login`. Before the second factor there is no token."""
    challenge = await client.execute_one(
        LOGIN_ON_DEVICE, email=member_with_2fa.user.email, password=PASSWORD, rememberDevice=True
    )
    assert challenge.keys() == {"__typename", "challengeToken"}

    otp = member_with_2fa.authenticator.otp(clock.now)
    result = await client.execute_one(
        VERIFY_ON_DEVICE, challengeToken=challenge["challengeToken"], secondFactor={"otp": otp}
    )

    assert result["deviceToken"].startswith("cs_device_")


async def test_browser_gets_a_cookie_with_the_tokens_of_its_last_users(
    member: models.User, admin: models.User, client: Api
) -> None:
    """Scripts cannot read it. The token of the last user comes first, and a login of a known user adds none."""
    response = await cookie_login(client, member)
    first = device_cookie(response)
    (header,) = [h for h in response.headers.get_list("set-cookie") if h.startswith(DEVICE_COOKIE_NAME)]
    _, *attributes = header.split("; ")
    assert sorted(attributes) == ["HttpOnly", "Max-Age=7776000", "Path=/", "SameSite=lax", "Secure"]
    assert COOKIE_NAME in client.http.cookies
    both = device_cookie(await cookie_login(client, admin))

    again = device_cookie(await cookie_login(client, member))

    assert first is not None
    assert both is not None
    theirs, ours = both.split(".")
    assert ours == first != theirs
    assert again == f"{ours}.{theirs}"


async def test_browser_with_2fa_gets_its_cookie_after_the_second_factor(
    member_with_2fa: ApiUser, client: Api, clock: Clock
) -> None:
    """Not with the password."""
    challenge = await start_login(client, member_with_2fa.user, transport="COOKIE")
    assert DEVICE_COOKIE_NAME not in client.http.cookies

    otp = member_with_2fa.authenticator.otp(clock.now)
    response = await client.post(VERIFY_LOGIN, {"challengeToken": challenge, "secondFactor": {"otp": otp}})

    assert (device_cookie(response) or "").startswith("cs_device_")


async def test_logout_keeps_the_device_known(member: models.User, client: Api) -> None:
    """A person who logs out every evening is still no stranger in the morning."""
    await cookie_login(client, member)
    await client.data("mutation { logout { sessionId } }")
    kept = client.http.cookies[DEVICE_COOKIE_NAME]

    assert device_cookie(await cookie_login(client, member)) == kept


@pytest.mark.attack("B14")
async def test_strangers_do_not_delay_a_known_browser(
    member: models.User, client: Api, new_client: ClientFactory
) -> None:
    """They make each other wait, and every browser that is not known."""
    await cookie_login(client, member)
    stranger = new_client()
    for _ in range(20):
        await stranger.outcome(LOGIN, email=member.email, password=WRONG_PASSWORD)
    assert await stranger.outcome(LOGIN, email=member.email, password=PASSWORD) == "TooManyAttempts"

    await cookie_login(client, member)


@pytest.mark.parametrize("value", ["", ".", "x", "." * 500, "cs_device_" + "A" * 43, '"'])
async def test_malformed_device_tokens_have_no_effect(member: models.User, client: Api, value: str) -> None:
    """Neither as an argument nor as a cookie."""
    result = await client.execute_one(
        LOGIN_ON_DEVICE, email=member.email, password=PASSWORD, deviceToken=value, rememberDevice=False
    )
    assert result["__typename"] == "LoggedIn"
    variables = {"email": member.email, "password": PASSWORD, "transport": "COOKIE"}
    headers = {"cookie": f"{DEVICE_COOKIE_NAME}={value}".encode().decode("latin-1")}
    response = await client.post(LOGIN, variables, headers=headers)
    assert response.json()["data"]["login"]["__typename"] == "LoggedIn"
    assert (device_cookie(response) or "").count(".") == 0


async def test_devices_are_null_before_2fa_is_set_up(
    member: models.User, client: Api, company: models.Company, database: Database
) -> None:
    """The other fields of the answer stay."""
    await log_in_on_device(client, member)
    await set_security_policy(database, company, two_factor_enforced=True)

    result = await client.execute("{ viewer { email devices { id } } }")

    assert result["data"] == {"viewer": {"email": member.email, "devices": None}}


async def test_known_device_is_not_delayed_with_the_strangers_of_its_address(
    member_with_2fa: ApiUser, client: Api, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address that sends very many requests without a session gets slow answers. A known device does not."""
    variables = {"email": member_with_2fa.user.email, "password": PASSWORD, "rememberDevice": True}
    challenge = await client.execute_one(LOGIN_ON_DEVICE, **variables)
    otp = member_with_2fa.authenticator.otp(clock.now)
    token = (
        await client.execute_one(
            VERIFY_ON_DEVICE, challengeToken=challenge["challengeToken"], secondFactor={"otp": otp}
        )
    )["deviceToken"]
    delayed: list[str | None] = []

    async def record(_delay: StrangerDelay, address: str | None) -> None:
        delayed.append(address)

    monkeypatch.setattr(StrangerDelay, "delay", record)
    await client.execute_one(LOGIN_ON_DEVICE, **variables)
    assert len(delayed) == 1

    await client.execute_one(LOGIN_ON_DEVICE, **variables, deviceToken=token)

    assert len(delayed) == 1
