"""Documents that request too many items: nested lists."""

import pytest
from graphql import GraphQLObjectType, get_named_type, get_nullable_type, is_list_type

from tests.support.api import error_code
from tests.support.api_users import ApiUser
from tests.support.schema_elements import own_types, served_schema
from transport.limits import MAX_COST, field_costs

EVENTS = "securityEvents(first: 100) {{ nodes {{ user {{ {} }} }} }}"


def events_of_events(levels: int) -> str:
    """Return a query for the events of the user of each event, nested as often as given."""
    inner = "id"
    for _ in range(levels):
        inner = EVENTS.format(inner)
    return f"{{ viewer {{ {inner} }} }}"


@pytest.mark.attack("H1")
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
    """A small document that could return a million items is rejected before execution."""
    result = await logged_in_admin.client.execute(document)

    assert error_code(result) == "GRAPHQL_VALIDATION_FAILED"
    assert f"the limit is {MAX_COST}" in result["errors"][0]["message"]
    assert "data" not in result


COMPANY = "company { id name twoFactorEnforced backupCodesEnabled }"
TWO_FACTOR = "twoFactor { state enforced setupRequired activatedAt lastUsedAt backupCodesRemaining }"
USER = f"id email name role locale createdAt lastLoginAt {TWO_FACTOR} {COMPANY}"
IDENTITY = f"id email name role {COMPANY}"
EVENT = "id kind occurredAt ipAddress userAgent note"
PAGE_INFO = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(f"{{ users(first: 100) {{ nodes {{ {USER} }} totalCount {PAGE_INFO} }} }}", id="users"),
        pytest.param(
            f"{{ securityEvents(first: 100) {{ nodes {{ {EVENT} user {{ {IDENTITY} }} actor {{ {IDENTITY} }} }}"
            f" {PAGE_INFO} }} }}",
            id="audit events",
        ),
        pytest.param(
            f"{{ users(first: 25) {{ nodes {{ {USER} securityEvents(first: 25) {{ nodes {{ {EVENT} }} }} }} }} }}",
            id="users with their audit events",
        ),
        pytest.param("query ($n: Int = 5) { users(first: $n) { edges { cursor node { id } } } }", id="a variable"),
    ],
)
async def test_queries_of_an_admin_console_are_below_the_limit(logged_in_admin: ApiUser, document: str) -> None:
    """The largest pages with all their scalars are allowed."""
    assert "errors" not in await logged_in_admin.client.execute(document)


@pytest.mark.attack("H1")
async def test_sessions_of_many_users_are_read_once(logged_in_admin: ApiUser) -> None:
    """Only the viewer has sessions in the response, and one look-up serves all fields that select them."""
    fields = " ".join(f"a{number}: sessions {{ id }}" for number in range(4))
    result = await logged_in_admin.client.data(
        f"{{ viewer {{ securityEvents(first: 10) {{ nodes {{ user {{ {fields} }} }} }} }} }}"
    )

    sessions = [
        user[f"a{number}"]
        for node in result["viewer"]["securityEvents"]["nodes"]
        for user in [node["user"]]
        for number in range(4)
    ]
    assert sessions
    assert all(each == sessions[0] for each in sessions)


@pytest.mark.attack("H1")
def test_every_list_declares_its_length() -> None:
    """A list has pages, is the content of a page, or declares its maximum length on the field."""
    costs = field_costs(served_schema())
    undeclared = [
        f"{kind.name}.{name}"
        for kind in own_types(served_schema())
        if isinstance(kind, GraphQLObjectType) and not kind.name.endswith("Connection")
        for name, field in kind.fields.items()
        if is_list_of_objects(field.type) and costs[kind.name, name].max_items is None
    ]

    assert undeclared == []
    assert {name for (_, name), cost in costs.items() if cost.default_page_size is not None} == {
        "admins",
        "users",
        "securityEvents",
    }


def is_list_of_objects(graphql_type: object) -> bool:
    """Return whether a field returns a list of objects, also if it cannot be null."""
    nullable = get_nullable_type(graphql_type)  # type: ignore[call-overload]  # any type
    return is_list_type(nullable) and isinstance(get_named_type(nullable), GraphQLObjectType)
