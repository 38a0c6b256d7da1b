"""The interface `Node` and the query `node`."""

# A field is declared with its GraphQL type; its resolver returns the domain object that the type maps from.
# Strawberry types its decorators as Any.
# mypy: disable-error-code="return-value, untyped-decorator"

from typing import Annotated

import strawberry

from resolvers import nodes
from schema import ids
from schema.info import Info
from twofactor import results


@strawberry.interface(
    description=(
        "A thing with an id of its own, that `node` finds again. Its id is unique over all types, so a cache may key "
        "by it."
    )
)
class Node:
    """Something with an id of its own."""

    @strawberry.field(
        description=(
            "Keep it and hand it back as it is: its form may change, so do not take it apart. It is never given to "
            "anything else, and it opens nothing by itself."
        )
    )
    def id(
        self,
        thing: strawberry.Parent[results.Company | results.Session | results.User | results.SecurityEvent],
    ) -> strawberry.ID:
        """The opaque id."""
        return ids.encode(type(thing), thing.id)


AnyId = Annotated[
    strawberry.ID,
    strawberry.argument(
        description="An `id` from an earlier answer. What is no id of ours is treated like one that names nothing."
    ),
]


@strawberry.type
class NodesQuery:
    """Find an object by its id."""

    @strawberry.field(
        description=(
            "One thing by its id, for clients that refetch by id alone: the viewer, their company account, their "
            "sessions and events, and for admins the users and events of the company account. Null for any other id, "
            "whether it exists or not."
        )
    )
    def node(self, info: Info, id: AnyId) -> Node | None:  # noqa: A002  # the contract's name
        """Whatever the viewer may see under this id."""
        return nodes.node(info.context, ids.decode(id))
