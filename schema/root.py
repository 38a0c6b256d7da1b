"""The GraphQL schema, composed of the areas."""

from collections.abc import Callable
from typing import Any, TypeVar

import strawberry
from strawberry.schema.config import StrawberryConfig

from schema.activation import ActivationMutation, ActivationQuery
from schema.admin_changes import AdminChangesMutation
from schema.authenticators import Authenticator, AuthenticatorsMutation
from schema.backup_codes import BackupCodesMutation
from schema.error_mapping import user_error_handlers
from schema.events import EventsQuery, SecurityEvent
from schema.introspection import serve_released_introspection
from schema.known_devices import KnownDevice, KnownDevicesMutation
from schema.login import LoginMutation, LoginQuery
from schema.nodes import NodesQuery
from schema.passwords import PasswordsMutation
from schema.policy_impact import PolicyImpactQuery
from schema.profile import ProfileMutation
from schema.removal import RemovalMutation
from schema.scalars import SCALARS
from schema.security_policy import Company, SecurityPolicyMutation, SecurityPolicyQuery
from schema.sessions import Session, SessionsMutation
from schema.user_enforcement import UserEnforcementMutation
from schema.users import User, UsersQuery

SchemaT = TypeVar("SchemaT", bound=strawberry.Schema)

DESCRIPTION = """
Login with two-factor authentication (2FA) for the users of company accounts.

How to read a response:
- A mutation returns one member of a union: its result or a user error. Always select `__typename`. It is the stable
  code. Treat a type that you do not know as a user error. All user errors implement `UserError` and have a `message` to
  show to the user.
- Top-level errors report what a correct client does not cause, or can only retry later. Read `extensions.code`:
  `UNAUTHENTICATED` (log in), `FORBIDDEN`, `TWO_FACTOR_SETUP_REQUIRED` (activate 2FA first), `BAD_USER_INPUT` (an
  argument is out of bounds), `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED`, `OPERATION_RESOLUTION_FAILURE`,
  `PERSISTED_QUERY_NOT_SUPPORTED`, `PERSISTED_QUERY_NOT_FOUND` (the server does not know the hash of the document),
  `SERVICE_UNAVAILABLE` (retry after `extensions.retryAfter` seconds) and `INTERNAL_SERVER_ERROR` (report
  `extensions.correlationId`). `SERVICE_UNAVAILABLE` of a root field means that it changed nothing, unless the database
  failed while it confirmed the commit. Refetch before you repeat a mutation.
- If the request has a session token that is not that of a live session, and a field needs the session, the answer's own
  `extensions.session` is `ENDED`, with or without an error. Delete the stored token and show the login page.
- A root field is null if it has an error, or if its description says so. The other root fields are still valid.
- If a field below a mutation has an error, the mutation took place. The field is null beside its error, and the other
  fields of the result are valid. So keep the result, even if there are errors.
- Unions, enums and interfaces get new members over time. Nothing is renamed or removed without `@deprecated` first.

Send the session as `Authorization: Bearer <sessionToken>`. In a browser, an HttpOnly cookie can carry the session
instead. Types with a secret that is shown once have no field `id`, so that a normalising cache does not keep them.
""".strip()


# The order of the base classes is the order of the fields in the schema.
@strawberry.type(
    description=(
        "All read operations. A query changes nothing and uses no attempt. Each field can fail by itself: then it is "
        "null, its error has the reason, and the other fields are still readable."
    )
)
class Query(
    LoginQuery,
    SecurityPolicyQuery,
    ActivationQuery,
    NodesQuery,
    UsersQuery,
    EventsQuery,
    PolicyImpactQuery,
):
    """All read operations."""


@strawberry.type(
    description=(
        "All write operations. The fields run one after the other, and each has its full effect or none. An operation "
        "may contain at most one field that checks a password or code. With more than one, the server runs none."
    )
)
class Mutation(
    LoginMutation,
    ActivationMutation,
    BackupCodesMutation,
    RemovalMutation,
    SecurityPolicyMutation,
    PasswordsMutation,
    ProfileMutation,
    SessionsMutation,
    KnownDevicesMutation,
    AuthenticatorsMutation,
    AdminChangesMutation,
    UserEnforcementMutation,
):
    """All write operations."""


def create_schema(schema_class: Callable[..., SchemaT], **options: Any) -> SchemaT:  # noqa: ANN401  # any of the class
    """Create the schema. `options` are arguments of `schema_class` that do not affect the contract."""
    schema = schema_class(
        query=Query,
        mutation=Mutation,
        # Some of these are reachable only through the interface of `node`.
        types=[Authenticator, Company, KnownDevice, Session, User, SecurityEvent],
        config=StrawberryConfig(scalar_map=SCALARS),
        exception_handlers=user_error_handlers(),
        **options,
    )
    # Strawberry 0.341 has no argument for the description of the schema.
    schema._schema.description = DESCRIPTION  # noqa: SLF001
    serve_released_introspection(schema._schema)  # noqa: SLF001
    return schema
