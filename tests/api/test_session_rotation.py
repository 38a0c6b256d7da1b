"""The session token is replaced by a password change, an activation and a deactivation."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import models
from models.database import Database
from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api import Api
from tests.support.api_users import ApiUser, confirm_otp, is_logged_in, log_in, start_activation
from tests.support.clock import TIME_STEP, Clock
from tests.support.operations import (
    ACKNOWLEDGE_BACKUP_CODES,
    CHANGE_PASSWORD,
    CONFIRM_OTP,
    DEACTIVATE_TWO_FACTOR,
    LOGIN,
    LOGOUT,
    SESSIONS,
)
from tests.support.users import NEW_PASSWORD, PASSWORD, set_security_policy
from transport.cookies import COOKIE_NAME

Call = Callable[..., Awaitable[dict[str, Any]]]


async def change_password(client: Api, _clock: Clock, **arguments: object) -> dict[str, Any]:
    """Change the password."""
    return await client.execute_one(CHANGE_PASSWORD, currentPassword=PASSWORD, newPassword=NEW_PASSWORD, **arguments)


async def acknowledge(client: Api, clock: Clock, **arguments: object) -> dict[str, Any]:
    """Activate 2FA with backup codes."""
    activation_id, authenticator = await start_activation(client)
    await confirm_otp(client, activation_id, authenticator.otp(clock.now))
    return await client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id, **arguments)


async def confirm(client: Api, clock: Clock, **arguments: object) -> dict[str, Any]:
    """Activate 2FA without backup codes."""
    activation_id, authenticator = await start_activation(client)
    otp = authenticator.otp(clock.now)
    return await client.execute_one(CONFIRM_OTP, activationId=activation_id, otp=otp, **arguments)


async def deactivate(client: Api, _clock: Clock, **arguments: object) -> dict[str, Any]:
    """Deactivate 2FA, which `prepare` has activated."""
    return await client.execute_one(DEACTIVATE_TWO_FACTOR, password=PASSWORD, **arguments)


async def prepare(client: Api, clock: Clock, change: Call) -> None:
    """Activate 2FA if the change deactivates it."""
    if change is deactivate:
        await acknowledge(client, clock)
        clock.advance(TIME_STEP)


CHANGES: list[Call] = [change_password, acknowledge, confirm, deactivate]


@pytest.fixture(params=CHANGES)
async def change(request: pytest.FixtureRequest, database: Database, company: models.Company) -> Call:
    """Return each change that replaces the token."""
    if request.param is confirm:
        await set_security_policy(database, company, backup_codes_enabled=False)
    call: Call = request.param
    return call


async def session_id_of(client: Api) -> str:
    """Return the id of the client's session."""
    sessions = (await client.execute_one(SESSIONS))["sessions"]
    (current,) = (session["id"] for session in sessions if session["current"])
    return str(current)


def copy_of(client: Api, new_client: ClientFactory) -> Api:
    """Return a client that has copied the cookie."""
    thief = new_client()
    thief.http.cookies.update(client.http.cookies)
    return thief


@pytest.mark.attack("C13")
async def test_copied_cookie_is_dead_after_the_owner_used_the_new_one(
    client: Api, new_client: ClientFactory, member: models.User, clock: Clock, change: Call
) -> None:
    """The browser has the new cookie at once, and its session is the same."""
    await log_in(client, member, transport="COOKIE")
    await prepare(client, clock, change)
    session_id = await session_id_of(client)
    thief = copy_of(client, new_client)
    old = client.http.cookies[COOKIE_NAME]

    result = await change(client, clock)

    assert result["sessionToken"] is None
    assert client.http.cookies[COOKIE_NAME] != old
    assert await is_logged_in(thief)
    assert await session_id_of(client) == session_id
    assert not await is_logged_in(thief)


async def test_bearer_client_gets_a_new_token_if_it_asks(logged_in_member: ApiUser, clock: Clock, change: Call) -> None:
    """The old token works until the client uses the new one."""
    client = logged_in_member.client
    await prepare(client, clock, change)
    old = client.with_token(client.session_token)

    result = await change(client, clock, rotateSession=True)

    assert result["sessionToken"].startswith("cs_session_")
    assert await is_logged_in(old)
    assert await is_logged_in(client.with_token(result["sessionToken"]))
    assert not await is_logged_in(old)


async def test_bearer_client_keeps_its_token_otherwise(logged_in_member: ApiUser, clock: Clock, change: Call) -> None:
    """There is no new token and no cookie."""
    await prepare(logged_in_member.client, clock, change)

    result = await change(logged_in_member.client, clock)

    assert result["sessionToken"] is None
    assert await is_logged_in(logged_in_member.client)
    assert COOKIE_NAME not in logged_in_member.client.http.cookies


async def test_answer_of_the_change_reads_with_the_old_token(client: Api, member: models.User) -> None:
    """Otherwise the new token would count as used, and a lost answer would log the user out."""
    await log_in(client, member, transport="COOKIE")
    old = client.http.cookies[COOKIE_NAME]

    result = await client.execute_one(
        """mutation ($current: String!, $new: String!) {
            changePassword(currentPassword: $current, newPassword: $new) {
                __typename ... on PasswordChanged { viewer { sessions { current } } }
            }
        }""",
        current=PASSWORD,
        new=NEW_PASSWORD,
    )

    assert result["viewer"]["sessions"] == [{"current": True}]
    client.http.cookies.set(COOKIE_NAME, old, domain="countersign.test", path="/")
    assert await is_logged_in(client)


async def test_repeated_acknowledgement_sets_the_same_cookie(
    client: Api, new_client: ClientFactory, member: models.User, clock: Clock
) -> None:
    """A browser that sends the call twice works with either answer."""
    await log_in(client, member, transport="COOKIE")
    activation_id, authenticator = await start_activation(client)
    await confirm_otp(client, activation_id, authenticator.otp(clock.now))
    again = copy_of(client, new_client)

    await client.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id)
    await again.execute_one(ACKNOWLEDGE_BACKUP_CODES, activationId=activation_id)

    assert client.http.cookies[COOKIE_NAME] == again.http.cookies[COOKIE_NAME]
    assert await is_logged_in(client)


async def test_logout_with_the_old_cookie_clears_it(client: Api, member: models.User) -> None:
    """The answer to a request under way does not leave a cookie behind."""
    await log_in(client, member, transport="COOKIE")
    old = client.http.cookies[COOKIE_NAME]
    await client.execute_one(CHANGE_PASSWORD, currentPassword=PASSWORD, newPassword=NEW_PASSWORD)
    client.http.cookies.set(COOKIE_NAME, old, domain="countersign.test", path="/")

    await client.execute_one(LOGOUT)

    assert COOKIE_NAME not in client.http.cookies


@pytest.mark.attack("C6")
async def test_login_over_a_cookie_ends_its_session(
    client: Api, new_client: ClientFactory, member: models.User, admin: models.User, side_effects: SideEffects
) -> None:
    """The browser forgets its token. A request with a bearer token ends it too."""
    await log_in(client, member, transport="COOKIE")
    before = copy_of(client, new_client)
    await side_effects()

    client.session_token = "other"
    result = await client.execute_one(LOGIN, email=admin.email, password=PASSWORD, transport="COOKIE")

    assert result["__typename"] == "LoggedIn"
    assert not await is_logged_in(before)
    assert (await side_effects())[0] == ["LOGGED_OUT", "LOGIN_SUCCEEDED"]
