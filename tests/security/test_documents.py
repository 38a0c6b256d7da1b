"""Documents that request too many items, H1: nested lists."""

import pytest
from graphql import GraphQLObjectType

from security.constants import PAGE_MAX
from tests.security.helpers import ApiUser, error_code
from tests.support.schema_elements import own_types, served_schema
from transport.limits import MAX_ITEMS, PAGE_DEFAULT, PAGED_FIELDS

EVENTS = "securityEvents(first: 100) {{ nodes {{ user {{ {} }} }} }}"


def events_of_events(levels: int) -> str:
    """Return a query for the events of the user of each event, nested as often as given."""
    inner = "id"
    for _ in range(levels):
        inner = EVENTS.format(inner)
    return f"{{ viewer {{ {inner} }} }}"


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(events_of_events(3), id="three levels"),
        pytest.param(
            "{ users(first: 100) { nodes { " + EVENTS.format(EVENTS.format("id")) + " } } }", id="events of users"
        ),
        pytest.param(
            "{ users(first: 100) { edges { node { ...e } } } } fragment e on User { "
            + EVENTS.format("...g")
            + " } fragment g on User { "
            + EVENTS.format("id")
            + " }",
            id="fragments",
        ),
        pytest.param(
            "{ users(first: 100) { nodes { a: securityEvents(first: 100) { nodes { id } }"
            " b: securityEvents(first: 100) { nodes { id } } } } }",
            id="aliases",
        ),
        pytest.param(
            "query($n: Int = 100) { users(first: $n) { nodes { securityEvents(first: $n) {"
            " nodes { user { securityEvents(first: $n) { nodes { id } } } } } } } }",
            id="variables",
        ),
        pytest.param(events_of_events(3).replace("100", "99999999999999999999"), id="large numbers"),
    ],
)
async def test_nested_lists_above_the_item_limit_are_rejected(logged_in_admin: ApiUser, document: str) -> None:
    """H1: a small document that could return a million items is rejected before execution."""
    result = await logged_in_admin.api.execute(document)

    assert error_code(result) == "GRAPHQL_VALIDATION_FAILED"
    assert "list items" in result["errors"][0]["message"]
    assert "data" not in result


async def test_largest_page_of_users_with_events_is_returned(logged_in_admin: ApiUser) -> None:
    """The queries of an admin console are below the limit. With default page sizes, so are three nested lists."""
    await logged_in_admin.api.data("{ users(first: 100) { nodes { securityEvents(first: 100) { nodes { id } } } } }")
    await logged_in_admin.api.data("{ users { nodes { securityEvents(first: 5) { nodes { user { id } } } } } }")

    assert PAGE_MAX * (1 + PAGE_MAX) <= MAX_ITEMS < PAGE_MAX * (1 + 2 * PAGE_MAX)


def test_every_paginated_list_is_counted() -> None:
    """H1: the limit covers every field with `first`, with its default page size."""
    paged = {
        name: field.args["first"].default_value
        for kind in own_types(served_schema())
        if isinstance(kind, GraphQLObjectType)
        for name, field in kind.fields.items()
        if "first" in field.args
    }

    assert paged == dict.fromkeys(PAGED_FIELDS, PAGE_DEFAULT)
