"""Who may ask what: every field of the schema, for nobody, for a member, and for a user who has to set up 2FA first."""

from dataclasses import dataclass, field

import pytest

import models
from models import SessionTransport
from resolvers.context import Context
from schema import ids
from schema.root import create_schema
from tests.conftest import PASSWORD
from tests.contract.elements import served
from twofactor import audit, login
from twofactor.environment import Client, Environment
from twofactor.errors import ForbiddenError, TwoFactorSetupRequiredError, UnauthenticatedError
from twofactor.results import LoggedIn, User

SCHEMA = create_schema()

# Each root field in an operation that is well formed, with arguments that name nothing.
OPERATIONS = {
    "viewer": "{ viewer { id email name role company { name } twoFactor { setupRequired } } }",
    "featureFlags": "{ featureFlags { backupCodes } }",
    "authenticatorApps": "{ authenticatorApps { name } }",
    "node": '{ node(id: "") { id } }',
    "user": '{ user(id: "") { id } }',
    "users": "{ users { nodes { id } } }",
    "securityEvents": "{ securityEvents { nodes { id } } }",
    "login": 'mutation { login(email: "", password: "") { __typename } }',
    "verifyLogin": 'mutation { verifyLogin(challengeToken: "", secondFactor: { otp: "" }) { __typename } }',
    "startTwoFactorActivation": 'mutation { startTwoFactorActivation(password: "") { __typename } }',
    "confirmOtp": 'mutation { confirmOtp(activationId: "", otp: "") { __typename } }',
    "acknowledgeBackupCodes": 'mutation { acknowledgeBackupCodes(activationId: "") { __typename } }',
    "regenerateBackupCodes": 'mutation { regenerateBackupCodes(password: "") { __typename } }',
    "deactivateTwoFactor": 'mutation { deactivateTwoFactor(password: "") { __typename } }',
    "adminResetTwoFactor": 'mutation { adminResetTwoFactor(userId: "", password: "") { __typename } }',
    "updateSecurityPolicy": 'mutation { updateSecurityPolicy(password: "") { __typename } }',
    "changePassword": 'mutation { changePassword(currentPassword: "", newPassword: "") { __typename } }',
    "revokeSession": 'mutation { revokeSession(id: "") { __typename } }',
    # The last one, for it ends the session.
    "logout": "mutation { logout { sessionId } }",
}
PUBLIC = {"viewer", "authenticatorApps", "login", "verifyLogin", "logout"}
BEFORE_SET_UP = PUBLIC | {"featureFlags", "startTwoFactorActivation", "confirmOtp", "acknowledgeBackupCodes"}
FOR_ADMINS = {"user", "users", "securityEvents", "adminResetTwoFactor", "updateSecurityPolicy"}

# Each field of a user in a selection. The first ones say who it is, and anybody who meets the user sees them.
IDENTITY = {"id", "email", "name", "role", "company { id }"}
GUARDED = {"twoFactor { state }", "locale", "createdAt", "lastLoginAt"}
OWN_LISTS = {"sessions { id }", "securityEvents { nodes { id } }"}


@dataclass
class Jar:
    """Keeps the cookie as a browser would."""

    session_token: str | None = field(default=None, repr=False)

    def set(self, session_token: str) -> None:
        """Take the cookie."""
        self.session_token = session_token

    def clear(self) -> None:
        """Forget it."""
        self.session_token = None


async def signed_in(env: Environment, user: models.User) -> LoggedIn:
    """A new session of a user without 2FA."""
    result = await login.log_in(env, Client(), user.email, PASSWORD, SessionTransport.TOKEN)
    assert isinstance(result, LoggedIn)
    return result


async def session_of(env: Environment, user: models.User) -> str:
    """The token of a new session of a user without 2FA."""
    return (await signed_in(env, user)).token


async def enforce(env: Environment) -> None:
    """Let every company account enforce 2FA."""
    async with env.database.transaction():
        await models.Company.all().update(two_factor_enforced=True)


async def refusals(env: Environment, operation: str, session_token: str | None) -> list[type[Exception]]:
    """The top-level errors of an operation."""
    context = Context(env, Client(), Jar(), session_token)
    result = await SCHEMA.execute(operation, context_value=context)
    return [type(error.original_error) for error in result.errors or [] if error.original_error is not None]


def test_every_root_field_is_looked_at() -> None:
    """A new field cannot be forgotten here."""
    schema = served()
    assert schema.query_type is not None
    assert schema.mutation_type is not None

    assert OPERATIONS.keys() == schema.query_type.fields.keys() | schema.mutation_type.fields.keys()


def test_every_field_of_a_user_is_looked_at() -> None:
    """The same for the fields of a user."""
    fields = served().type_map["User"].fields  # type: ignore[attr-defined]  # it is an object type

    assert {selection.split()[0] for selection in IDENTITY | GUARDED | OWN_LISTS} == fields.keys()


async def test_nobody_sees_and_does_what_is_public(env: Environment) -> None:
    """Without a session all but the public fields ask to sign in; `viewer` is null and no error."""
    for name, operation in OPERATIONS.items():
        expected = [] if name in PUBLIC else [UnauthenticatedError]
        assert await refusals(env, operation, None) == expected, name


async def test_a_member_does_nothing_of_an_admin(env: Environment, member: models.User) -> None:
    """The fields for admins are forbidden to members, whatever the arguments."""
    token = await session_of(env, member)

    for name, operation in OPERATIONS.items():
        expected = [ForbiddenError] if name in FOR_ADMINS else []
        assert await refusals(env, operation, token) == expected, name


@pytest.mark.parametrize("role", models.Role)
async def test_whoever_has_to_set_up_two_factor_can_do_nothing_else(
    env: Environment, member: models.User, admin: models.User, role: models.Role
) -> None:
    """Where 2FA is enforced and not active, only what leads through the activation or out is open, to admins too."""
    user = admin if role is models.Role.ADMIN else member
    await enforce(env)
    token = await session_of(env, user)

    for name, operation in OPERATIONS.items():
        expected = [] if name in BEFORE_SET_UP else [TwoFactorSetupRequiredError]
        assert await refusals(env, operation, token) == expected, name


async def test_of_themselves_too_they_see_only_who_they_are(env: Environment, member: models.User) -> None:
    """The same holds for the fields of `viewer`: who it is and where 2FA stands, no more."""
    await enforce(env)
    token = await session_of(env, member)

    for selection in IDENTITY | GUARDED | OWN_LISTS:
        is_open = selection in IDENTITY or selection.startswith("twoFactor")
        expected = [] if is_open else [TwoFactorSetupRequiredError]
        assert await refusals(env, f"{{ viewer {{ {selection} }} }}", token) == expected, selection


async def test_a_member_sees_who_another_user_is_and_no_more(
    env: Environment, member: models.User, admin: models.User
) -> None:
    """The admin of a reset is named to the user whose 2FA was reset; the rest about the admin is not told."""
    async with env.database.transaction():
        await audit.record(
            models.SecurityEventKind.TWO_FACTOR_RESET, user=member, actor=admin, client=Client(), now=env.now()
        )
    token = await session_of(env, member)

    for selection in IDENTITY | GUARDED | OWN_LISTS:
        operation = f"{{ viewer {{ securityEvents {{ nodes {{ actor {{ {selection} }} }} }} }} }}"
        assert await refusals(env, operation, token) == ([ForbiddenError] if selection in GUARDED else []), selection


async def test_admins_see_their_users_but_not_their_sessions(
    env: Environment, member: models.User, admin: models.User
) -> None:
    """Everything of a user of the company account is open to an admin; sessions are their user's own."""
    await session_of(env, member)
    context = Context(env, Client(), Jar(), await session_of(env, admin))
    operation = f'{{ user(id: "{ids.encode(User, member.id)}") {{ {" ".join(IDENTITY | GUARDED | OWN_LISTS)} }} }}'

    result = await SCHEMA.execute(operation, context_value=context)

    assert result.errors is None
    assert result.data is not None
    assert result.data["user"]["sessions"] == []
    assert result.data["user"]["securityEvents"]["nodes"] != []


async def test_another_company_account_does_not_exist(
    env: Environment, member: models.User, admin: models.User, stranger: models.User
) -> None:
    """To an admin, ids of another company account are like ids of nothing."""
    token = await session_of(env, stranger)
    user_id, company_id = ids.encode(User, member.id), f"company_{admin.company_id.hex}"
    operation = f"""{{
        user(id: "{user_id}") {{ id }}
        node(id: "{user_id}") {{ id }}
        company: node(id: "{company_id}") {{ id }}
        users {{ totalCount nodes {{ id }} }}
        securityEvents(filter: {{ userId: "{user_id}" }}) {{ nodes {{ id }} }}
        malformed: securityEvents(filter: {{ userId: "nobody" }}) {{ nodes {{ id }} }}
    }}"""

    result = await SCHEMA.execute(operation, context_value=Context(env, Client(), Jar(), token))

    assert result.errors is None
    assert result.data == {
        "user": None,
        "node": None,
        "company": None,
        "users": {"totalCount": 1, "nodes": [{"id": ids.encode(User, stranger.id)}]},
        "securityEvents": {"nodes": []},
        "malformed": {"nodes": []},
    }


async def test_revoking_the_current_session_still_answers_in_full(env: Environment, member: models.User) -> None:
    """The answer that ends the session may say what is left, the cookie is taken back, and nobody acts after it."""
    await session_of(env, member)
    current = await signed_in(env, member)
    jar = Jar("kept")
    operation = f"""mutation {{
        revokeSession(id: "session_{current.session.id.hex}") {{
            ... on SessionRevoked {{ sessionId viewer {{ twoFactor {{ state }} sessions {{ current }} }} }}
        }}
        deactivateTwoFactor(password: "") {{ __typename }}
    }}"""

    result = await SCHEMA.execute(operation, context_value=Context(env, Client(), jar, current.token))

    assert result.data == {
        "revokeSession": {
            "sessionId": f"session_{current.session.id.hex}",
            "viewer": {"twoFactor": {"state": "INACTIVE"}, "sessions": [{"current": False}]},
        },
        "deactivateTwoFactor": None,
    }
    assert [type(error.original_error) for error in result.errors or []] == [UnauthenticatedError]
    assert jar.session_token is None
