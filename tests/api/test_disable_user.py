"""`disableUser`: an admin disables a user of the company account, for example one who left."""

import pytest

import models
from accounts.services import Services
from accounts.users import set_role
from models import Role
from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api import Api
from tests.support.api_users import ApiUser, is_logged_in, log_in
from tests.support.mail_servers import text_of
from tests.support.operations import DISABLE_USER, LOGIN
from tests.support.users import PASSWORD, WRONG_PASSWORD

COUNTS = "query($id: ID!) { user(id: $id) { enabled sessionCount deviceCount } }"


async def test_user_is_logged_out_everywhere_and_cannot_log_in(
    logged_in_admin: ApiUser, member: models.User, new_client: ClientFactory, side_effects: SideEffects
) -> None:
    """The user gets an email in their language, with the name of the admin. A second call does nothing."""
    browser = new_client(language="de")
    await browser.execute_one(LOGIN, email=member.email, password=PASSWORD, transport="COOKIE")
    phone = await log_in(new_client(), member)
    seen = await logged_in_admin.client.execute_one(COUNTS, id=phone.id)
    assert seen == {"enabled": True, "sessionCount": 2, "deviceCount": 1}
    await side_effects()

    for _ in range(2):
        result = await logged_in_admin.client.execute_one(DISABLE_USER, userId=phone.id, password=PASSWORD)
        assert (result["__typename"], result["user"]["id"], result["user"]["enabled"]) == (
            "UserDisabled",
            phone.id,
            False,
        )

    assert [await is_logged_in(client) for client in (browser, phone.client)] == [False, False]
    seen = await logged_in_admin.client.execute_one(COUNTS, id=phone.id)
    assert seen == {"enabled": False, "sessionCount": 0, "deviceCount": 0}
    events, (email,) = await side_effects()
    assert events == ["USER_DISABLED"]
    assert (email["Subject"], email["To"].addresses[0].addr_spec) == ("Ihr Konto wurde gesperrt", member.email)
    assert "Ada, mit Adminrechten in Ihrem Unternehmen, hat Ihr Konto" in text_of(email)
    assert await phone.client.outcome(LOGIN, email=member.email, password=PASSWORD) == "WrongEmailOrPassword"


async def test_admins_cannot_disable_themselves(
    logged_in_admin: ApiUser, member: models.User, services: Services, client: Api
) -> None:
    """The message says who can: another admin if there is one, otherwise the operator."""
    own = {"userId": logged_in_admin.id, "password": PASSWORD}
    result = await logged_in_admin.client.execute_one(DISABLE_USER, **own)
    assert result == {
        "__typename": "CannotChangeOwnAccount",
        "message": (
            "This is your own account, and your company has no other admin. Only the operator of this service can do "
            "that."
        ),
    }
    await set_role(services, member.id, Role.ADMIN)

    result = await logged_in_admin.client.execute_one(DISABLE_USER, **own)

    assert result["message"] == "This is your own account. Please ask another admin of your company."
    assert await is_logged_in(logged_in_admin.client)
    # The other admin is then the last one.
    other = await log_in(client, member)
    assert await other.client.outcome(DISABLE_USER, **own) == "UserDisabled"
    assert not await is_logged_in(logged_in_admin.client)


async def test_unknown_user_and_wrong_password_change_nothing(
    logged_in_admin: ApiUser, logged_in_member: ApiUser, other_company_admin: models.User, side_effects: SideEffects
) -> None:
    """A user of another company account is unknown."""
    await side_effects()
    api = logged_in_admin.client

    for user_id in (f"user_{'0' * 32}", f"user_{other_company_admin.id.hex}", ""):
        assert await api.outcome(DISABLE_USER, userId=user_id, password=PASSWORD) == "UserNotFound"
    assert await side_effects() == ([], [])
    assert await api.outcome(DISABLE_USER, userId=logged_in_member.id, password=WRONG_PASSWORD) == "WrongPassword"
    assert await is_logged_in(logged_in_member.client)


@pytest.mark.parametrize("password", [PASSWORD, WRONG_PASSWORD])
async def test_is_for_admins(logged_in_member: ApiUser, admin: models.User, password: str) -> None:
    """Members get `FORBIDDEN` before the password is checked."""
    variables = {"userId": f"user_{admin.id.hex}", "password": password}

    assert await logged_in_member.client.outcome(DISABLE_USER, **variables) == "FORBIDDEN"
