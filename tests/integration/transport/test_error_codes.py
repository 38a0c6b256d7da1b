"""Error codes and the serialisation of results and errors."""

import ast
from pathlib import Path

import pytest

from tests.integration.transport.minimal_app import CANARY, ApiClient, error_code

GRAPHQL = {"accept": "application/graphql-response+json"}
PLAIN = {"accept": "application/json"}

# Requests with a request error, and the code of the error.
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
    pytest.param({"query": "query A { hello }", "operationName": "C"}, "OPERATION_RESOLUTION_FAILURE", id="unknown"),
    pytest.param({"query": "{ hello }", "operationName": ""}, "OPERATION_RESOLUTION_FAILURE", id="empty name"),
    pytest.param({"query": "fragment f on Query { hello }"}, "OPERATION_RESOLUTION_FAILURE", id="no operation"),
]


@pytest.mark.attack("F8")
@pytest.mark.parametrize(("request_json", "expected"), REQUEST_ERRORS)
async def test_request_error_gets_400_as_graphql_response_json(
    client: ApiClient, request_json: dict[str, object], expected: str
) -> None:
    """With `application/graphql-response+json`, a request error has status 400 and no `data`."""
    response = await client.execute(**request_json, headers=GRAPHQL)  # type: ignore[arg-type]

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/graphql-response+json; charset=utf-8"
    assert "data" not in response.json()
    assert error_code(response) == expected
    assert CANARY not in response.text


@pytest.mark.attack("F8")
@pytest.mark.parametrize(("request_json", "expected"), REQUEST_ERRORS)
async def test_request_error_gets_200_as_plain_json(
    client: ApiClient, request_json: dict[str, object], expected: str
) -> None:
    """With `application/json`, every result has status 200, as clients read no error codes from a 400 of that type."""
    response = await client.execute(**request_json, headers=PLAIN)  # type: ignore[arg-type]

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert "data" not in response.json()
    assert error_code(response) == expected


@pytest.mark.parametrize("query", ["{ broken hello }", "{ mustNotBeNull }"])
async def test_field_error_gets_200_with_data(client: ApiClient, query: str) -> None:
    """An executed operation has `data`, even if it is null."""
    response = await client.execute(query, headers=GRAPHQL)

    assert response.status_code == 200
    assert "data" in response.json()


@pytest.mark.attack("F4", "G6")
@pytest.mark.parametrize("field", ["broken", "mustNotBeNull", "oddColour"])
async def test_unexpected_error_contains_only_its_id(client: ApiClient, field: str) -> None:
    """The response contains the correlation id but not the message of the exception."""
    response = await client.execute(f"{{ {field} }}")
    (error,) = response.json()["errors"]

    assert error["extensions"] == {
        "code": "INTERNAL_SERVER_ERROR",
        "correlationId": response.headers["x-request-id"],
    }
    assert error["message"] == "Something went wrong on our side."
    assert error["path"] == [field]
    assert CANARY not in response.text


@pytest.mark.parametrize(
    ("error", "extensions"),
    [
        ("unauthenticated", {"code": "UNAUTHENTICATED"}),
        ("forbidden", {"code": "FORBIDDEN"}),
        ("setup", {"code": "TWO_FACTOR_SETUP_REQUIRED"}),
        ("input", {"code": "BAD_USER_INPUT"}),
        ("overloaded", {"code": "SERVICE_UNAVAILABLE", "retryAfter": 7}),
        ("database_unavailable", {"code": "SERVICE_UNAVAILABLE", "retryAfter": 2}),
    ],
)
async def test_domain_errors_have_their_codes(client: ApiClient, error: str, extensions: dict[str, object]) -> None:
    """Each domain error has its code, and the other fields have their data."""
    response = await client.execute(f'{{ failing(error: "{error}") hello }}')

    assert response.json()["data"] == {"failing": None, "hello": "world"}
    assert response.json()["errors"][0]["extensions"] == extensions


async def test_invalid_input_error_names_the_argument_and_the_reason(client: ApiClient) -> None:
    """The message contains the argument and its limits."""
    response = await client.execute('{ failing(error: "input") }')

    assert response.json()["errors"][0]["message"] == "first: must be 1 to 100"


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("query ($n: Int!) { echo(number: $n) }", {"n": CANARY}),
        ("query ($n: String!) { echo(text: $n) }", {"n": {"deep": [CANARY]}}),
        ("query ($c: Colour!) { echo(colour: $c) }", {"c": CANARY}),
        ("query ($c: Colour!) { echo(colour: $c) }", {"c": "CRIMSO"}),
        (
            "query ($n: Int!) { echo(number: $n) }",
            {"n": f"Expected value of type 'X' to include required field '{CANARY}'"},
        ),
        (f'{{ echo(number: "{CANARY}") }}', None),
        (f'{{ echo(colour: "{CANARY}") }}', None),
    ],
)
async def test_submitted_values_are_not_repeated(
    client: ApiClient, query: str, variables: dict[str, object] | None
) -> None:
    """An invalid value may be a password in the wrong variable, so errors do not contain values."""
    response = await client.execute(query, variables=variables)

    assert error_code(response) in {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"}
    assert CANARY not in response.text
    assert "CRIMSON" not in response.text


async def test_invalid_variable_error_names_the_variable_and_its_type(client: ApiClient) -> None:
    """The message contains the name of the variable and the expected type."""
    response = await client.execute("query ($n: Int!) { echo(number: $n) }", variables={"n": "x"})

    assert response.json()["errors"][0]["message"] == "Variable '$n' is not a valid Int!."


# A request, its message in development, and its message in production.
INPUT_MESSAGES = [
    (
        "query ($n: Int!) { echo(number: $n) }",
        {},
        "Variable '$n' is not a valid Int!: the value is missing.",
        "Variable '$n' is not a valid Int!.",
    ),
    (
        "query ($t: String) { echo(text: $t) }",
        {"t": None},
        "Argument 'text' is missing or has the wrong type: see variable '$t'.",
        "An argument is missing or has the wrong type.",
    ),
    (
        "query ($i: Boolean = true) { hello @skip(if: $i) }",
        {"i": None},
        "Argument 'if' is missing or has the wrong type: see variable '$i'.",
        "An argument is missing or has the wrong type.",
    ),
    (
        "mutation ($p: String) { login(password: $p) }",
        {"p": None},
        "Variable '$p' is not a valid String: null is not allowed.",
        "Variable '$p' is not a valid String.",
    ),
    (
        f'{{ echo(number: "{CANARY}") }}',
        None,
        "echo(number:): Int cannot represent non-integer value.",
        "Int cannot represent non-integer value.",
    ),
    (
        "{ e: echo(number: null) }",
        None,
        "echo(number:): Expected value of non-null type 'Int!' not to be None.",
        "Expected value of non-null type 'Int!' not to be None.",
    ),
    (
        f'{{ hello @include(if: "{CANARY}") }}',
        None,
        "@include(if:): Boolean cannot represent a non boolean value.",
        "Boolean cannot represent a non boolean value.",
    ),
    (
        f'query ($n: Int = "{CANARY}") {{ echo(number: $n) }}',
        None,
        "$n: Int cannot represent non-integer value.",
        "Int cannot represent non-integer value.",
    ),
]


@pytest.mark.parametrize(("query", "variables", "development", "production"), INPUT_MESSAGES)
async def test_invalid_input_is_named_where_introspection_is_on(
    client: ApiClient,
    production_client: ApiClient,
    query: str,
    variables: dict[str, object] | None,
    development: str,
    production: str,
) -> None:
    """A developer sees which argument or variable is wrong, and where. Nobody sees its value."""
    for each, message in ((client, development), (production_client, production)):
        response = await each.execute(query, variables=variables)
        (error,) = response.json()["errors"]

        assert error["message"] == message
        assert error["locations"]
        assert CANARY not in response.text


# Requests with each kind of top-level error, and the message in German.
GERMAN_MESSAGES = [
    ('{ failing(error: "unauthenticated") }', None, "Melden Sie sich zuerst an."),
    ('{ failing(error: "forbidden") }', None, "Das ist nicht erlaubt."),
    ('{ failing(error: "setup") }', None, "Aktivieren Sie zuerst die Zwei-Faktor-Authentifizierung."),
    ('{ failing(error: "overloaded") }', None, "Versuchen Sie es gleich noch einmal."),
    ("{ broken }", None, "Auf unserer Seite ist ein Fehler aufgetreten."),
    ("{ hello", None, "Das Dokument ist kein gültiges GraphQL: Syntax Error: Expected Name, found <EOF>."),
    ("{ helo }", None, "Das Dokument passt nicht zum Schema: Cannot query field 'helo' on type 'Query'."),
    ("query A { hello } query B { hello }", None, "Nennen Sie in `operationName` eine Operation."),
    (
        "mutation { login verifyLogin }",
        None,
        "Eine Operation darf höchstens ein Feld enthalten, das ein Passwort oder einen Code prüft.",
    ),
    (
        "query ($n: Int!) { echo(number: $n) }",
        {},
        "Die Variable '$n' ist kein gültiger Wert des Typs Int!: der Wert fehlt.",
    ),
    (
        "query ($t: String) { echo(text: $t) }",
        {"t": None},
        "Das Argument 'text' fehlt oder hat den falschen Typ: siehe Variable '$t'.",
    ),
    ("", None, "`query` darf nicht leer sein."),
]


@pytest.mark.parametrize(("query", "variables", "message"), GERMAN_MESSAGES)
async def test_top_level_messages_speak_german(
    client: ApiClient, query: str, variables: dict[str, object] | None, message: str
) -> None:
    """`Accept-Language` selects the language. What graphql-core says about a document stays in English."""
    response = await client.execute(query, variables=variables, headers={"accept-language": "de-AT"})

    assert response.json()["errors"][0]["message"] == message


async def test_rejected_requests_speak_german(client: ApiClient) -> None:
    """The messages before GraphQL execution too."""
    headers = {"accept-language": "de", "origin": "https://evil.example"}
    response = await client.execute("{ hello }", headers=headers)

    assert response.json()["errors"][0]["message"] == "Dieser Ursprung (Origin) darf die API nicht aufrufen."


async def test_unexpected_error_outside_of_graphql_speaks_german(
    client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last handler of any exception knows the language too."""

    def fail(*_: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr("transport.view.require_json_content", fail)
    response = await client.execute("{ hello }", headers={"accept-language": "de"})

    assert response.status_code == 500
    assert response.json()["errors"][0]["message"] == "Auf unserer Seite ist ein Fehler aufgetreten."


@pytest.mark.parametrize("path", sorted(Path("transport").rglob("*.py")), ids=str)
def test_every_message_exists_in_german(path: Path) -> None:
    """Each error that the transport raises itself has a German text."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    errors = [call for call in calls if getattr(call.func, "id", None) in {"RequestError", "request_error"}]

    assert [call.lineno for call in errors if "de" not in {keyword.arg for keyword in call.keywords}] == []


async def test_lone_surrogates_are_returned_unchanged(client: ApiClient) -> None:
    """A string that UTF-8 cannot encode is returned as a JSON escape."""
    response = await client.send(
        content=rb'{"query": "query ($t: String!) { echo(text: $t) }", "variables": {"t": "\ud800"}}',
        headers={"content-type": "application/json"},
    )

    assert response.status_code == 200
    assert rb"\ud800" in response.content
