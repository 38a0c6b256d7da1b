"""`setUserRole`: an admin makes a user of the company account an admin or a member."""

import pytest

import models
from accounts.services import Services
from accounts.users import set_role
from models import Role
from models.database import Database
from tests.api.conftest import ClientFactory, SideEffects
from tests.support.api_users import ApiUser, activate, log_in
from tests.support.clock import Clock
from tests.support.mail_servers import text_of
from tests.support.operations import SET_USER_ROLE, USERS
from tests.support.users import PASSWORD, WRONG_PASSWORD, set_security_policy

CHANGE = (
    "query($id: ID!) { user(id: $id) { securityEvents(first: 10) { nodes { actor { name } change { from to } } } } }"
)


async def test_member_becomes_an_admin_at_the_next_request(
    logged_in_admin: ApiUser, logged_in_member: ApiUser, side_effects: SideEffects
) -> None:
    """The session continues. Event and email name the admin and the role. A second call does nothing."""
    assert await logged_in_member.client.outcome(USERS) == "FORBIDDEN"
    await side_effects()

    variables = {"userId": logged_in_member.id, "role": "ADMIN", "password": PASSWORD}
    for _ in range(2):
        result = await logged_in_admin.client.execute_one(SET_USER_ROLE, **variables)
        assert (result["__typename"], result["user"]["role"], result["viewer"]["id"]) == (
            "UserRoleSet",
            "ADMIN",
            logged_in_admin.id,
        )

    assert await logged_in_member.client.data(USERS)
    events, (email,) = await side_effects()
    assert (events, email["Subject"]) == (["ROLE_CHANGED"], "Your role has changed")
    assert "Ada, an admin of your company, has made you an admin" in text_of(email)
    read = await logged_in_admin.client.execute_one(CHANGE, id=logged_in_member.id)
    # Events of one instant have no order.
    [event] = [event for event in read["securityEvents"]["nodes"] if event["change"]]
    assert event == {"actor": {"name": "Ada"}, "change": [{"from": "MEMBER", "to": "ADMIN"}]}


async def test_admin_who_becomes_a_member_loses_the_admin_pages(
    logged_in_admin: ApiUser, logged_in_member: ApiUser, services: Services
) -> None:
    """At the next request, in the same session."""
    await set_role(services, logged_in_member.user.id, Role.ADMIN)
    assert await logged_in_member.client.data(USERS)

    variables = {"userId": logged_in_member.id, "role": "MEMBER", "password": PASSWORD}
    assert await logged_in_admin.client.outcome(SET_USER_ROLE, **variables) == "UserRoleSet"

    assert await logged_in_member.client.outcome(USERS) == "FORBIDDEN"


async def test_new_admin_has_to_set_up_2fa_where_admins_must(
    logged_in_admin: ApiUser, logged_in_member: ApiUser, company: models.Company, database: Database, clock: Clock
) -> None:
    """The answer says so. The user can do nothing else from the next request on, and is free again as a member."""
    await activate(logged_in_admin, clock)
    await set_security_policy(database, company, two_factor_enforced_for_admins=True)
    variables = {"userId": logged_in_member.id, "password": PASSWORD}

    result = await logged_in_admin.client.execute_one(SET_USER_ROLE, **variables, role="ADMIN")

    assert result["user"]["twoFactor"]["setupRequired"] is True
    assert await logged_in_member.client.outcome(USERS) == "TWO_FACTOR_SETUP_REQUIRED"
    await logged_in_admin.client.execute_one(SET_USER_ROLE, **variables, role="MEMBER")
    assert await logged_in_member.client.outcome(USERS) == "FORBIDDEN"


async def test_last_admin_cannot_give_up_the_role(
    logged_in_admin: ApiUser,
    member: models.User,
    services: Services,
    new_client: ClientFactory,
    side_effects: SideEffects,
) -> None:
    """While there is another enabled admin, they can. The answer is readable."""
    client = new_client(language="de", session_token=logged_in_admin.session_token)
    own = {"userId": logged_in_admin.id, "role": "MEMBER", "password": PASSWORD}
    assert await client.execute_one(SET_USER_ROLE, **own) == {
        "__typename": "LastAdmin",
        "message": (
            "Sie sind der letzte Admin Ihres Unternehmens. Bitte machen Sie zuerst eine andere Person zum Admin."
        ),
    }
    await set_role(services, member.id, Role.ADMIN)
    await side_effects()

    result = await client.execute_one(SET_USER_ROLE, **own)

    assert (result["user"]["role"], result["viewer"]["role"]) == ("MEMBER", "MEMBER")
    events, (email,) = await side_effects()
    assert (events, email["Subject"]) == (["ROLE_CHANGED"], "Your role has changed")
    assert await client.outcome(USERS) == "FORBIDDEN"
    other = await log_in(new_client(), member)
    assert await other.client.outcome(SET_USER_ROLE, **own | {"userId": other.id}) == "LastAdmin"


async def test_unknown_user_role_and_password_change_nothing(
    logged_in_admin: ApiUser, logged_in_member: ApiUser, other_company_admin: models.User
) -> None:
    """A user of another company account is unknown."""
    api, variables = logged_in_admin.client, {"role": "ADMIN", "password": PASSWORD}
    for user_id in (f"user_{'0' * 32}", f"user_{other_company_admin.id.hex}", ""):
        assert await api.outcome(SET_USER_ROLE, **variables, userId=user_id) == "UserNotFound"

    variables["userId"] = logged_in_member.id
    assert await api.outcome(SET_USER_ROLE, **variables | {"password": WRONG_PASSWORD}) == "WrongPassword"
    assert await api.outcome(SET_USER_ROLE, **variables | {"role": "OWNER"}) == "BAD_USER_INPUT"

    assert await logged_in_member.client.outcome(USERS) == "FORBIDDEN"


@pytest.mark.parametrize("password", [PASSWORD, WRONG_PASSWORD])
async def test_is_for_admins(logged_in_member: ApiUser, password: str) -> None:
    """Members get `FORBIDDEN` before the password is checked. They cannot make themselves an admin."""
    variables = {"userId": logged_in_member.id, "role": "ADMIN", "password": password}

    assert await logged_in_member.client.outcome(SET_USER_ROLE, **variables) == "FORBIDDEN"
