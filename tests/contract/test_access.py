"""Authorization: each field without a session, for a member, and for a user who has to set up 2FA."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLInputType, get_named_type

import models
from accounts import audit
from accounts.entities import User
from accounts.errors import ForbiddenError, TwoFactorSetupRequiredError, UnauthenticatedError
from accounts.services import Client, Services
from accounts.session_tokens import SessionToken
from accounts.sessions import LoggedIn
from models import SessionTransport
from resolvers.context import Context
from resolvers.qr_rendering import QrRenderer
from schema import ids
from schema.fields import Access
from schema.root import create_schema
from tests.support.schema_elements import (
    access_of,
    mutation_fields,
    query_fields,
    required_arguments,
    served_schema,
)
from tests.support.users import PASSWORD
from transport.operations import LimitedSchema
from twofactor import login

QUERY_FIELDS, MUTATION_FIELDS = query_fields(), mutation_fields()
# The last one is `logout`, because it ends the session.
MUTATIONS = sorted(MUTATION_FIELDS, key=lambda name: name == "logout")
ROOT_FIELDS = QUERY_FIELDS | {name: MUTATION_FIELDS[name] for name in MUTATIONS}

# Selections of all fields of a user. Every viewer who can read the user can read `IDENTITY`.
IDENTITY = {"id", "email", "name", "role", "company { id }"}
GUARDED = {
    "twoFactor { state }", "locale", "createdAt", "lastLoginAt", "enabled", "lockedUntil", "lockedSecondFactors",
    "authenticators { id }", "sessionCount", "deviceCount",
}  # fmt: skip
# Of the viewer's own, also those that cannot be null are readable before 2FA is set up.
OWN_BEFORE_SETUP = IDENTITY | {"twoFactor { state }", "locale", "createdAt", "sessions { id }"}
OWN_LISTS = {"devices { id }", "sessions { id }", "securityEvents { nodes { id } }"}


@dataclass
class CookieJar:
    """A cookie jar that stores one session token."""

    session_token: str | None = field(default=None, repr=False)

    def set(self, session_token: str) -> None:
        """Store the cookie."""
        self.session_token = session_token

    def set_device_tokens(self, tokens: Sequence[str]) -> None:
        """Ignore the device tokens."""

    def clear(self) -> None:
        """Delete the cookie."""
        self.session_token = None


def bearer(session_token: str | None) -> SessionToken | None:
    """Return the token as a client sends it in a header."""
    return SessionToken(session_token, SessionTransport.TOKEN) if session_token else None


async def log_in(services: Services, user: models.User) -> LoggedIn:
    """Log in a user without 2FA and return the new session."""
    result = await login.log_in(services, Client(), user.email, PASSWORD, SessionTransport.TOKEN)
    assert isinstance(result, LoggedIn)
    return result


async def session_token_of(services: Services, user: models.User) -> str:
    """Log in a user without 2FA and return the session token."""
    return (await log_in(services, user)).token


async def enforce_2fa(services: Services) -> None:
    """Enforce 2FA for all company accounts."""
    async with services.database.transaction():
        await models.Company.all().update(two_factor_enforced=True)


@cache
def _schema_of(_loop: asyncio.AbstractEventLoop) -> LimitedSchema:
    return create_schema(LimitedSchema, introspection=False)


def schema_of_loop() -> LimitedSchema:
    """Return the served schema. Its queues belong to one event loop, and each test has its own."""
    return _schema_of(asyncio.get_running_loop())


async def top_level_errors(services: Services, operation: str, session_token: str | None) -> list[type[Exception]]:
    """Execute an operation and return the types of its top-level errors."""
    context = Context(services, Client(), CookieJar(), bearer(session_token), QrRenderer())
    result = await schema_of_loop().execute(operation, context_value=context)
    return [type(error.original_error) for error in result.errors or [] if error.original_error is not None]


def operation_of(name: str) -> str:
    """Return a valid operation with a root field. Its arguments name no existing object."""
    field = ROOT_FIELDS[name]
    given = ", ".join(f"{argument}: {empty_value(field.args[argument].type)}" for argument in required_arguments(field))
    kind = "mutation" if name in MUTATION_FIELDS else "query"
    return f"{kind} {{ {name}{f'({given})' if given else ''} {{ __typename }} }}"


def empty_value(argument_type: GraphQLInputType) -> str:
    """Return a literal of the type of an argument."""
    named = get_named_type(argument_type)
    if isinstance(named, GraphQLInputObjectType):
        name, field = next(iter(named.fields.items()))
        return f"{{ {name}: {empty_value(field.type)} }}"
    if isinstance(named, GraphQLEnumType):
        return str(next(iter(named.values)))
    return {"Boolean": "true", "Int": "1"}.get(named.name, '""')


def test_every_field_of_a_user_is_covered() -> None:
    """A new field of `User` needs a selection in this module."""
    fields = served_schema().type_map["User"].fields  # type: ignore[attr-defined]  # it is an object type

    assert {selection.split()[0] for selection in IDENTITY | GUARDED | OWN_LISTS} == fields.keys()


async def test_only_public_fields_work_without_a_session(services: Services) -> None:
    """All other fields return `UNAUTHENTICATED`. `viewer` is null without an error."""
    for name, root_field in ROOT_FIELDS.items():
        expected = [] if access_of(root_field) is Access.ANYONE else [UnauthenticatedError]
        assert await top_level_errors(services, operation_of(name), None) == expected, name


async def test_admin_fields_are_forbidden_for_members(services: Services, member: models.User) -> None:
    """This does not depend on the arguments."""
    token = await session_token_of(services, member)

    for name, root_field in ROOT_FIELDS.items():
        expected = [ForbiddenError] if access_of(root_field) is Access.ADMIN else []
        assert await top_level_errors(services, operation_of(name), token) == expected, name


@pytest.mark.parametrize("role", models.Role)
async def test_user_who_has_to_set_up_2fa_can_do_nothing_else(
    services: Services, member: models.User, admin: models.User, role: models.Role
) -> None:
    """If 2FA is enforced and not active, members and admins can only activate it or log out."""
    user = admin if role is models.Role.ADMIN else member
    await enforce_2fa(services)
    token = await session_token_of(services, user)

    for name, root_field in ROOT_FIELDS.items():
        is_open = access_of(root_field) in {Access.ANYONE, Access.VIEWER}
        expected = [] if is_open else [TwoFactorSetupRequiredError]
        assert await top_level_errors(services, operation_of(name), token) == expected, name


async def test_user_who_has_to_set_up_2fa_sees_only_their_own_required_fields(
    services: Services, member: models.User
) -> None:
    """`viewer` returns the fields that cannot be null, and no others."""
    await enforce_2fa(services)
    token = await session_token_of(services, member)

    for selection in IDENTITY | GUARDED | OWN_LISTS:
        expected = [] if selection in OWN_BEFORE_SETUP else [TwoFactorSetupRequiredError]
        assert await top_level_errors(services, f"{{ viewer {{ {selection} }} }}", token) == expected, selection


async def test_member_sees_only_the_identity_of_another_user(
    services: Services, member: models.User, admin: models.User
) -> None:
    """A member whose 2FA was reset sees which admin did it, but no other fields of the admin."""
    async with services.database.transaction():
        await audit.record(
            models.SecurityEventKind.TWO_FACTOR_RESET, user=member, actor=admin, client=Client(), now=services.now()
        )
    token = await session_token_of(services, member)

    for selection in IDENTITY | GUARDED | OWN_LISTS:
        operation = f"{{ viewer {{ securityEvents {{ nodes {{ actor {{ {selection} }} }} }} }} }}"
        assert await top_level_errors(services, operation, token) == (
            [ForbiddenError] if selection in GUARDED else []
        ), selection


async def test_admin_sees_users_but_not_their_sessions(
    services: Services, member: models.User, admin: models.User
) -> None:
    """All fields of a user of the company account are readable; the list of sessions is empty."""
    await session_token_of(services, member)
    token = await session_token_of(services, admin)
    context = Context(services, Client(), CookieJar(), bearer(token), QrRenderer())
    operation = f'{{ user(id: "{ids.encode(User, member.id)}") {{ {" ".join(IDENTITY | GUARDED | OWN_LISTS)} }} }}'

    result = await schema_of_loop().execute(operation, context_value=context)

    assert result.errors is None
    assert result.data is not None
    assert result.data["user"]["sessions"] == []
    assert result.data["user"]["securityEvents"]["nodes"] != []


async def test_another_company_account_does_not_exist(
    services: Services, member: models.User, admin: models.User, other_company_admin: models.User
) -> None:
    """For an admin, ids of another company account are the same as unknown ids."""
    token = await session_token_of(services, other_company_admin)
    user_id, company_id = ids.encode(User, member.id), f"company_{admin.company_id.hex}"
    operation = f"""{{
        user(id: "{user_id}") {{ id }}
        node(id: "{user_id}") {{ id }}
        company: node(id: "{company_id}") {{ id }}
        users {{ totalCount nodes {{ id }} }}
        securityEvents(filter: {{ userId: "{user_id}" }}) {{ nodes {{ id }} }}
        malformed: securityEvents(filter: {{ userId: "nobody" }}) {{ nodes {{ id }} }}
    }}"""

    result = await schema_of_loop().execute(
        operation, context_value=Context(services, Client(), CookieJar(), bearer(token), QrRenderer())
    )

    assert result.errors is None
    assert result.data == {
        "user": None,
        "node": None,
        "company": None,
        "users": {"totalCount": 1, "nodes": [{"id": ids.encode(User, other_company_admin.id)}]},
        "securityEvents": {"nodes": []},
        "malformed": {"nodes": []},
    }


async def test_revoking_the_current_session_returns_the_full_result(services: Services, member: models.User) -> None:
    """The result is complete, the cookie is deleted, and later mutations are not authenticated."""
    await session_token_of(services, member)
    current = await log_in(services, member)
    cookies = CookieJar("token")
    operation = f"""mutation {{
        revokeSession(id: "session_{current.session.id.hex}") {{
            ... on SessionRevoked {{ sessionId viewer {{ twoFactor {{ state }} sessions {{ current }} }} }}
        }}
        deactivateTwoFactor(password: "") {{ __typename }}
    }}"""

    result = await schema_of_loop().execute(
        operation, context_value=Context(services, Client(), cookies, bearer(current.token), QrRenderer())
    )

    assert result.data == {
        "revokeSession": {
            "sessionId": f"session_{current.session.id.hex}",
            "viewer": {"twoFactor": {"state": "INACTIVE"}, "sessions": [{"current": False}]},
        },
        "deactivateTwoFactor": None,
    }
    assert [type(error.original_error) for error in result.errors or []] == [UnauthenticatedError]
    assert cookies.session_token is None
