"""The interface `Node` and the query `node`."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from typing import Annotated

import strawberry

import accounts.directory
import accounts.entities
from accounts.permissions import Viewer
from resolvers import nodes
from schema import ids
from schema.costs import READ_COST
from schema.fields import Access, query
from schema.info import Info


@strawberry.interface(
    description=(
        "An object with an id. `node` returns the object for its id. The id is unique over all types, so a cache may "
        "use it as the key."
    )
)
class Node:
    """An object with an id."""

    @strawberry.field(
        description=(
            "Store it and send it back unchanged. Do not parse it: its format may change. An id is never reused for "
            "another object, and it grants no access by itself."
        )
    )
    def id(
        self,
        domain_object: strawberry.Parent[
            accounts.entities.Company
            | accounts.entities.KnownDevice
            | accounts.entities.Session
            | accounts.entities.User
            | accounts.directory.SecurityEvent
        ],
    ) -> strawberry.ID:
        """The opaque id."""
        return ids.encode(type(domain_object), domain_object.id)


AnyId = Annotated[
    strawberry.ID,
    strawberry.argument(
        description="An `id` from an earlier response. If it is malformed, the result is the same as for an unknown id."
    ),
]


@strawberry.type
class NodesQuery:
    """Find an object by its id."""

    @query(
        Access.SET_UP_VIEWER,
        description=(
            "Returns one object by its id, for clients that refetch by id alone. The viewer can read their own user, "
            "company account, sessions, known devices and events. An admin can also read the users and events of the "
            "company account. Null for any other id, whether it exists or not."
        ),
        metadata={"cost": READ_COST},
    )
    def node(
        self,
        info: Info,
        viewer: Viewer,
        id: AnyId,  # noqa: A002  # the name in the contract
    ) -> Node | None:
        """Any object that the viewer may see."""
        return nodes.node(info.context, viewer, ids.decode(id))
