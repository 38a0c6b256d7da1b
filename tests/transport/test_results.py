"""How results are put into answers, and what of an error a client is told: attacks F4, F8 and G6."""

import pytest

from tests.transport.toy import CANARY, Browser, code

GRAPHQL = {"accept": "application/graphql-response+json"}
PLAIN = {"accept": "application/json"}

# What keeps an operation from running, and the code that says so.
REQUEST_ERRORS = [
    pytest.param({"query": "{ hello"}, "GRAPHQL_PARSE_FAILED", id="parse"),
    pytest.param({"query": "\ud800"}, "GRAPHQL_PARSE_FAILED", id="a lone surrogate"),
    pytest.param({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED", id="validation"),
    pytest.param({"query": "{ ...f }"}, "GRAPHQL_VALIDATION_FAILED", id="unknown fragment"),
    pytest.param({"query": "query ($unused: Int) { hello }"}, "GRAPHQL_VALIDATION_FAILED", id="unused variable"),
    pytest.param(
        {"query": "query ($n: Int) { echo(number: $n) }", "variables": {"n": CANARY}}, "BAD_USER_INPUT", id="coercion"
    ),
    pytest.param({"query": "query ($t: String!) { echo(text: $t) }"}, "BAD_USER_INPUT", id="missing variable"),
    pytest.param({"query": "query A { hello } query B { hello }"}, "OPERATION_RESOLUTION_FAILURE", id="no name"),
    pytest.param({"query": "query A { hello }", "operationName": "C"}, "OPERATION_RESOLUTION_FAILURE", id="no such"),
    pytest.param({"query": "{ hello }", "operationName": ""}, "OPERATION_RESOLUTION_FAILURE", id="empty name"),
    pytest.param({"query": "fragment f on Query { hello }"}, "OPERATION_RESOLUTION_FAILURE", id="no operation"),
]


@pytest.mark.parametrize(("request_json", "expected"), REQUEST_ERRORS)
async def test_f8_a_request_error_is_400_without_data_in_the_newer_media_type(
    browser: Browser, request_json: dict[str, object], expected: str
) -> None:
    """As `application/graphql-response+json`, what was not executed has status 400 and no `data`."""
    response = await browser.ask(**request_json, headers=GRAPHQL)  # type: ignore[arg-type]

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/graphql-response+json; charset=utf-8"
    assert "data" not in response.json()
    assert code(response) == expected
    assert CANARY not in response.text


@pytest.mark.parametrize(("request_json", "expected"), REQUEST_ERRORS)
async def test_f8_a_request_error_is_200_as_plain_json(
    browser: Browser, request_json: dict[str, object], expected: str
) -> None:
    """As `application/json` every result has status 200, for clients read no code out of a 400 of that type."""
    response = await browser.ask(**request_json, headers=PLAIN)  # type: ignore[arg-type]

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert "data" not in response.json()
    assert code(response) == expected


@pytest.mark.parametrize("query", ["{ broken hello }", "{ mustNotBeNull }"])
async def test_a_field_error_is_200_with_data(browser: Browser, query: str) -> None:
    """What was executed is a result, be its data null."""
    response = await browser.ask(query, headers=GRAPHQL)

    assert response.status_code == 200
    assert "data" in response.json()


@pytest.mark.parametrize("field", ["broken", "mustNotBeNull", "oddColour"])
async def test_f4_g6_an_unexpected_error_tells_nothing_but_its_id(browser: Browser, field: str) -> None:
    """The words of an exception stay with us; the client gets an id to report."""
    response = await browser.ask(f"{{ {field} }}")
    (error,) = response.json()["errors"]

    assert error["extensions"] == {
        "code": "INTERNAL_SERVER_ERROR",
        "correlationId": response.headers["x-request-id"],
    }
    assert error["message"] == "Something went wrong on our side."
    assert error["path"] == [field]
    assert CANARY not in response.text


@pytest.mark.parametrize(
    ("why", "extensions"),
    [
        ("nobody", {"code": "UNAUTHENTICATED"}),
        ("forbidden", {"code": "FORBIDDEN"}),
        ("setup", {"code": "TWO_FACTOR_SETUP_REQUIRED"}),
        ("input", {"code": "BAD_USER_INPUT"}),
        ("busy", {"code": "SERVICE_UNAVAILABLE", "retryAfter": 7}),
        ("away", {"code": "SERVICE_UNAVAILABLE", "retryAfter": 2}),
    ],
)
async def test_errors_of_the_domain_have_their_codes(browser: Browser, why: str, extensions: dict[str, object]) -> None:
    """Each has the code of the table, and its neighbours stay readable."""
    response = await browser.ask(f'{{ refused(why: "{why}") hello }}')

    assert response.json()["data"] == {"refused": None, "hello": "world"}
    assert response.json()["errors"][0]["extensions"] == extensions


async def test_an_input_out_of_bounds_is_named_with_its_reason(browser: Browser) -> None:
    """The argument and the bound are told."""
    response = await browser.ask('{ refused(why: "input") }')

    assert response.json()["errors"][0]["message"] == "first: must be 1 to 100"


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("query ($n: Int!) { echo(number: $n) }", {"n": CANARY}),
        ("query ($n: String!) { echo(text: $n) }", {"n": {"deep": [CANARY]}}),
        ("query ($c: Colour!) { echo(colour: $c) }", {"c": CANARY}),
        ("query ($c: Colour!) { echo(colour: $c) }", {"c": "CRIMSO"}),
        (f'{{ echo(number: "{CANARY}") }}', None),
        (f'{{ echo(colour: "{CANARY}") }}', None),
    ],
)
async def test_a_submitted_value_is_never_repeated(
    browser: Browser, query: str, variables: dict[str, object] | None
) -> None:
    """A refused value could be a password that was put into the wrong variable."""
    response = await browser.ask(query, variables=variables)

    assert code(response) in {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"}
    assert CANARY not in response.text
    assert "CRIMSON" not in response.text


async def test_a_refused_variable_is_named_with_its_type(browser: Browser) -> None:
    """The developer is told which variable and what was wanted."""
    response = await browser.ask("query ($n: Int!) { echo(number: $n) }", variables={"n": "x"})

    assert response.json()["errors"][0]["message"] == "Variable '$n' is no valid Int!."


async def test_lone_surrogates_come_back_as_they_went(browser: Browser) -> None:
    """What JSON can say can be answered, encodable or not."""
    response = await browser.send(
        content=rb'{"query": "query ($t: String!) { echo(text: $t) }", "variables": {"t": "\ud800"}}',
        headers={"content-type": "application/json"},
    )

    assert response.status_code == 200
    assert rb"\ud800" in response.content
