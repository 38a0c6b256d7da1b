"""What a stranger can learn of the schema in production: attacks F5 and G5."""

import pytest
from graphql import get_introspection_query

from tests.transport.toy import Browser, code


@pytest.mark.parametrize(
    "document",
    [
        get_introspection_query(),
        "{ __schema { types { name } } }",
        '{ __type(name: "Query") { name } }',
        "{ ...f } fragment f on Query { __schema { queryType { name } } }",
        "{ again { s: __schema { queryType { name } } } }",
    ],
)
async def test_f5_g5_introspection_is_refused_where_it_is_off(stranger: Browser, document: str) -> None:
    """Neither the schema nor a type of it is told, however it is asked for."""
    response = await stranger.ask(document)

    assert code(response) == "GRAPHQL_VALIDATION_FAILED"
    assert "data" not in response.json()


async def test_typename_always_answers(stranger: Browser) -> None:
    """`{ __typename }` tells nothing, and monitors ask for it."""
    assert (await stranger.ask("{ __typename }")).json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    "document",
    [
        pytest.param("{ helo }", id="field"),
        pytest.param("{ echo(txt: 1) }", id="argument"),
        pytest.param("{ echo(colour: CRIMSO) }", id="enum value"),
        pytest.param("query ($c: Color) { hello }", id="type"),
        pytest.param("{ ... on Quer { hello } }", id="type of a fragment"),
        pytest.param("{ hello @skp(if: true) }", id="directive"),
        pytest.param("{ hello { world } }", id="leaf"),
        pytest.param("{ again }", id="no leaf"),
        pytest.param("mutation { logn }", id="mutation"),
    ],
)
async def test_f5_g5_no_error_suggests_a_name(stranger: Browser, document: str) -> None:
    """A near miss tells no more than a wild guess."""
    response = await stranger.ask(document)

    assert code(response) == "GRAPHQL_VALIDATION_FAILED"
    assert "Did you mean" not in response.text
    assert not any(name in response.text for name in ("CRIMSON", "login"))


async def test_the_introspection_query_fits_the_limits(browser: Browser) -> None:
    """Where introspection is on, the query of every tool is small enough."""
    query = get_introspection_query(
        specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
    )

    assert "errors" not in (await browser.ask(query)).json()
