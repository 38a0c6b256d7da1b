"""Schema information in production."""

import pytest
from graphql import get_introspection_query

from tests.integration.transport.minimal_app import ApiClient, error_code


@pytest.mark.attack("F5", "G5")
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
async def test_introspection_is_rejected_if_disabled(production_client: ApiClient, document: str) -> None:
    """Every form of an introspection query returns a validation error without data."""
    response = await production_client.execute(document)

    assert error_code(response) == "GRAPHQL_VALIDATION_FAILED"
    assert "data" not in response.json()


async def test_typename_is_always_allowed(production_client: ApiClient) -> None:
    """`{ __typename }` reveals nothing, and monitoring uses it."""
    assert (await production_client.execute("{ __typename }")).json() == {"data": {"__typename": "Query"}}


@pytest.mark.attack("F5", "G5")
@pytest.mark.parametrize(
    "document",
    [
        pytest.param("{ helo }", id="field"),
        pytest.param("{ echo(txt: 1) }", id="argument"),
        pytest.param("{ echo(colour: CRIMSO) }", id="enum value"),
        pytest.param("query ($c: Color) { hello }", id="type"),
        pytest.param("{ ... on Quer { hello } }", id="type of a fragment"),
        pytest.param("{ hello @skp(if: true) }", id="directive"),
        pytest.param("{ hello { world } }", id="selection on a scalar"),
        pytest.param("{ again }", id="missing selection"),
        pytest.param("mutation { logn }", id="mutation"),
    ],
)
async def test_errors_suggest_no_names(production_client: ApiClient, document: str) -> None:
    """An error about a misspelt name contains no name of the schema."""
    response = await production_client.execute(document)

    assert error_code(response) == "GRAPHQL_VALIDATION_FAILED"
    assert "Did you mean" not in response.text
    assert not any(name in response.text for name in ("CRIMSON", "login"))


async def test_introspection_query_is_within_the_limits(client: ApiClient) -> None:
    """If introspection is on, the largest introspection query of tools is accepted."""
    query = get_introspection_query(
        specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
    )

    assert "errors" not in (await client.execute(query)).json()
