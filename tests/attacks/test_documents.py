"""Documents that ask for too much, H1: lists in lists."""

import pytest
from graphql import GraphQLObjectType

from tests.attacks.steps import Person, code_of
from tests.contract.elements import own_types, served
from transport.limits import MAX_ITEMS, PAGE_DEFAULT, PAGED_FIELDS
from twofactor.rules.policy import PAGE_MAX

EVENTS = "securityEvents(first: 100) {{ nodes {{ user {{ {} }} }} }}"


def events_of_events(levels: int) -> str:
    """The events of the user of each event of the user of each event, and so on."""
    inner = "id"
    for _ in range(levels):
        inner = EVENTS.format(inner)
    return f"{{ viewer {{ {inner} }} }}"


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(events_of_events(3), id="three deep"),
        pytest.param("{ users(first: 100) { nodes { " + EVENTS.format(EVENTS.format("id")) + " } } }", id="of users"),
        pytest.param(
            "{ users(first: 100) { edges { node { ...e } } } } fragment e on User { "
            + EVENTS.format("...g")
            + " } fragment g on User { "
            + EVENTS.format("id")
            + " }",
            id="through fragments",
        ),
        pytest.param(
            "{ users(first: 100) { nodes { a: securityEvents(first: 100) { nodes { id } }"
            " b: securityEvents(first: 100) { nodes { id } } } } }",
            id="by aliases",
        ),
        pytest.param(
            "query($n: Int = 100) { users(first: $n) { nodes { securityEvents(first: $n) {"
            " nodes { user { securityEvents(first: $n) { nodes { id } } } } } } } }",
            id="by variables",
        ),
        pytest.param(events_of_events(3).replace("100", "99999999999999999999"), id="by overlong numbers"),
    ],
)
async def test_lists_in_lists_are_multiplied(ada: Person, document: str) -> None:
    """H1: a small document that could be answered with a million items is refused before it runs."""
    result = await ada.api.execute(document)

    assert code_of(result) == "GRAPHQL_VALIDATION_FAILED"
    assert "items of lists" in result["errors"][0]["message"]
    assert "data" not in result


async def test_the_largest_page_of_users_with_their_events_is_given(ada: Person) -> None:
    """What an admin console asks for is within the bound, and by the defaults three lists deep."""
    await ada.api.data("{ users(first: 100) { nodes { securityEvents(first: 100) { nodes { id } } } } }")
    await ada.api.data("{ users { nodes { securityEvents(first: 5) { nodes { user { id } } } } } }")

    assert PAGE_MAX * (1 + PAGE_MAX) <= MAX_ITEMS < PAGE_MAX * (1 + 2 * PAGE_MAX)


def test_every_list_with_pages_is_counted() -> None:
    """H1: whatever field takes `first` is known to the limit, with its default."""
    paged = {
        name: field.args["first"].default_value
        for kind in own_types(served())
        if isinstance(kind, GraphQLObjectType)
        for name, field in kind.fields.items()
        if "first" in field.args
    }

    assert paged == dict.fromkeys(PAGED_FIELDS, PAGE_DEFAULT)
