"""Declare the fields of `Query` and `Mutation`, with the facts that the server, the tests and the documents read."""

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any, TypeAlias

import strawberry
from graphql import GraphQLField

from accounts.permissions import Viewer
from resolvers.context import Context
from schema.info import Info

Resolver: TypeAlias = Callable[..., Any]


class Access(StrEnum):
    """Who may call a field. Each value is the text of the documents."""

    ANYONE = "anyone"
    VIEWER = "a logged-in user, also before they set up 2FA"
    SET_UP_VIEWER = "a logged-in user"
    ADMIN = "an admin"


FindViewer: TypeAlias = Callable[[Context], Awaitable[Viewer]]

# A query reads the viewer once for each operation. A mutation reads the viewer again: see `Context`.
_VIEWER: dict[Access, FindViewer | None] = {
    Access.ANYONE: None,
    Access.VIEWER: Context.viewer,
    Access.SET_UP_VIEWER: Context.set_up_viewer,
    Access.ADMIN: Context.admin,
}
_FRESH_VIEWER: dict[Access, FindViewer | None] = {
    Access.ANYONE: None,
    Access.VIEWER: Context.fresh_viewer,
    Access.SET_UP_VIEWER: Context.fresh_set_up_viewer,
    Access.ADMIN: Context.fresh_admin,
}


def query(
    access: Access, *, description: str, metadata: Mapping[str, object] | None = None
) -> Callable[[Resolver], Any]:
    """Declare a field of `Query`.

    Unless anyone may call it, the server first checks the access, and the resolver gets the viewer after `info`.
    """
    facts = {"access": access, "uses_attempt": False, **(metadata or {})}
    return lambda resolver: strawberry.field(
        resolver=_with_viewer(resolver, _VIEWER[access]), description=description, metadata=facts
    )


def mutation(access: Access, *, uses_attempt: bool, description: str) -> Callable[[Resolver], Any]:
    """Declare a field of `Mutation`, as `query` does.

    `uses_attempt` is true if the field checks a password, an OTP or a backup code. An operation may run only one such
    field. Otherwise one request could make many attempts.
    """
    facts = {"access": access, "uses_attempt": uses_attempt}
    return lambda resolver: strawberry.field(
        resolver=_with_viewer(resolver, _FRESH_VIEWER[access], keep_changed=True),
        description=description,
        metadata=facts,
    )


def declared(field: GraphQLField) -> Mapping[str, Any]:
    """Return the facts that are declared on a field: access, attempts and costs."""
    facts: Mapping[str, Any] = getattr(field.extensions.get("strawberry-definition"), "metadata", {})
    return facts


def _with_viewer(resolver: Resolver, find_viewer: FindViewer | None, *, keep_changed: bool = False) -> Resolver:
    """Return a resolver without the parameter `viewer`, which checks the access and passes the viewer on.

    If `keep_changed`, the fields of the result are resolved for the viewer in the result.
    """
    if find_viewer is None:
        return resolver

    async def call(root: object, info: Info, arguments: dict[str, Any]) -> Any:  # noqa: ANN401  # what the resolver returns
        result = await resolver(root, info, await find_viewer(info.context), **arguments)
        if keep_changed and (user := getattr(result, "viewer", None)):
            info.context.keep_changed_viewer(user)
        return result

    @functools.wraps(resolver)
    def resolve(self: object, info: Info, **arguments: Any) -> Any:  # noqa: ANN401  # the arguments and result of the resolver
        return call(self, info, arguments)

    # Strawberry reads the arguments of the field from the signature.
    signature = inspect.signature(resolver)
    parameters = [parameter for name, parameter in signature.parameters.items() if name != "viewer"]
    resolve.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # Python reads it
    return resolve
