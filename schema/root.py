"""The one Schema."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from schema.activation import ActivationMutation, ActivationQuery
from schema.backup_codes import BackupCodesMutation
from schema.error_mapping import user_error_handlers
from schema.events import EventsQuery, SecurityEvent
from schema.login import LoginMutation, LoginQuery
from schema.nodes import NodesQuery
from schema.passwords import PasswordsMutation
from schema.removal import RemovalMutation
from schema.scalars import SCALARS
from schema.security_policy import Company, SecurityPolicyMutation, SecurityPolicyQuery
from schema.sessions import Session, SessionsMutation
from schema.users import User, UsersQuery

DESCRIPTION = """
Sign-in with two-factor authentication (2FA) for the users of company accounts.

How to read an answer:
- A mutation gives one member of a union: what it did, or why it refused. Select `__typename` always; it is the code to
  go by, and a name that you do not know is a refusal. All refusals implement `UserError` and have a message to show.
- Errors beside the data are for what a correct client does not meet. Go by `extensions.code`: `UNAUTHENTICATED` (sign
  in), `FORBIDDEN`, `TWO_FACTOR_SETUP_REQUIRED` (activation comes first), `BAD_USER_INPUT` (an argument out
  of bounds), `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED`, `OPERATION_RESOLUTION_FAILURE`, `SERVICE_UNAVAILABLE`
  (try again after `extensions.retryAfter` seconds: nothing was changed, save where the database broke off while it
  answered the very commit, so refetch before you repeat a mutation) and `INTERNAL_SERVER_ERROR` (report
  `extensions.correlationId`).
- A root field is null beside its error, and where its description says so; the fields next to it are good all the same.
- Unions, enums and interfaces get new members over time. Nothing is renamed or removed without `@deprecated` first.

A session travels as `Authorization: Bearer <sessionToken>`, or in a browser as an HttpOnly cookie. Types with a secret
that is shown once have no field `id`, so that a normalising cache forgets them with the answer.
""".strip()


@strawberry.type(
    description=(
        "Everything that can be read. Reading changes nothing and costs no attempt. Each field can fail by itself: it "
        "is null then, its error says why, and its neighbours stay readable."
    )
)
class Query(
    LoginQuery,
    SecurityPolicyQuery,
    ActivationQuery,
    NodesQuery,
    UsersQuery,
    EventsQuery,
):
    """What can be read."""


@strawberry.type(
    description=(
        "Everything that can be done. Fields run one after the other, each as a whole or not at all. At most one "
        "field that checks a password or code may stand in an operation; with more, none runs."
    )
)
class Mutation(
    LoginMutation,
    ActivationMutation,
    BackupCodesMutation,
    RemovalMutation,
    SecurityPolicyMutation,
    PasswordsMutation,
    SessionsMutation,
):
    """What can be done."""


def create_schema() -> strawberry.Schema:
    """Make the schema."""
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        # Nothing but `node` leads to some of these, and that by their interface.
        types=[Company, Session, User, SecurityEvent],
        config=StrawberryConfig(scalar_map=SCALARS),
        exception_handlers=user_error_handlers(),
    )
    # Strawberry 0.341 has no argument for the description of the schema itself.
    schema._schema.description = DESCRIPTION  # noqa: SLF001
    return schema
