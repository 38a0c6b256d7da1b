"""The one Schema."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from schema import types, users
from schema.errors import error_tellers
from schema.mutation import Mutation
from schema.query import Query
from schema.scalars import SCALARS

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


def create_schema() -> strawberry.Schema:
    """Make the schema."""
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        # Nothing but `node` leads to some of these, and that by their interface.
        types=[types.Company, types.Session, users.User, users.SecurityEvent],
        config=StrawberryConfig(scalar_map=SCALARS),
        exception_handlers=error_tellers(),
    )
    # Strawberry 0.341 has no argument for the description of the schema itself.
    schema._schema.description = DESCRIPTION  # noqa: SLF001
    return schema
