"""Which documents are run at all: attacks F1, F2, H1, B1 and B3."""

import time

import pytest

from schema.root import create_schema
from tests.transport.toy import Browser, code
from transport.limits import MAX_ALIASES, MAX_DEPTH, MAX_DIRECTIVES, MAX_FIELDS, MAX_ROOT_FIELDS
from transport.operations import DOCUMENTS_REMEMBERED, SPENDING_FIELDS


def aliased(count: int, field: str = "login") -> str:
    """So many guesses in one mutation."""
    return "mutation {" + " ".join(f"a{n}: {field}" for n in range(count)) + "}"


def doubling(levels: int) -> str:
    """Fragments that each spread the next twice."""
    parts = [f"fragment f{n} on Query {{ ...f{n + 1} again {{ ...f{n + 1} }} }}" for n in range(levels)]
    return "{ ...f0 }" + "".join(parts) + f"fragment f{levels} on Query {{ hello }}"


@pytest.mark.parametrize("count", [2, 50, 900, 1000, 5000])
async def test_f1_f2_b1_aliased_guesses_are_refused_before_any_is_made(browser: Browser, count: int) -> None:
    """However many guesses stand in one document, none of them is made."""
    response = await browser.ask(aliased(count))

    assert code(response) in {"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"}
    assert "data" not in response.json()
    assert browser.attempts == []


@pytest.mark.parametrize(
    "document",
    [
        pytest.param("mutation { login verifyLogin }", id="different fields"),
        pytest.param("mutation { login b: login }", id="an alias"),
        pytest.param("mutation { login ...f } fragment f on Mutation { b: verifyLogin }", id="a fragment"),
        pytest.param("mutation { ... { login } ... on Mutation { b: login } }", id="inline fragments"),
        pytest.param(
            "mutation { ...f } fragment f on Mutation { ...g } fragment g on Mutation { login b: login }", id="nested"
        ),
        pytest.param("mutation { login b: login @skip(if: false) c: logout }", id="not skipped"),
        pytest.param("mutation ($yes: Boolean = true) { login b: login @include(if: $yes) }", id="included"),
        pytest.param("query A { hello } mutation B { login b: login }", id="beside a harmless operation"),
    ],
)
async def test_b1_b3_two_attempts_in_one_operation_are_refused(browser: Browser, document: str) -> None:
    """Fragments, aliases and directives hide nothing: what the executor would run is what is counted."""
    response = await browser.ask(document, operationName="B" if " B " in document else None)

    assert code(response) == "GRAPHQL_VALIDATION_FAILED"
    assert browser.attempts == []


@pytest.mark.parametrize(
    "document",
    [
        pytest.param("mutation { login logout }", id="one beside a free one"),
        pytest.param("mutation { login login }", id="merged into one"),
        pytest.param("mutation { login b: login @skip(if: true) }", id="the other is skipped"),
        pytest.param("mutation ($no: Boolean!) { login ... @include(if: $no) { b: login } }", id="not included"),
        pytest.param("mutation B { login } mutation C { login }", id="the other operation does not run"),
    ],
)
async def test_b3_one_attempt_in_the_operation_that_runs_is_made(browser: Browser, document: str) -> None:
    """What does not run does not count."""
    response = await browser.ask(
        document, operationName="B" if " B " in document else None, variables={"no": False} if "$no" in document else {}
    )

    assert "errors" not in response.json()
    assert len(browser.attempts) == 1


def test_every_field_of_the_contract_that_takes_a_password_or_a_code_spends() -> None:
    """The list follows the schema: who asks for a password, an OTP or a second factor is on it."""
    mutation = create_schema()._schema.mutation_type
    assert mutation is not None
    asking = {
        name
        for name, field in mutation.fields.items()
        if {"password", "currentPassword", "otp", "secondFactor"} & set(field.args)
    }

    assert asking == SPENDING_FIELDS


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        pytest.param(
            "{ again {" + "hello " * (MAX_FIELDS - 1) + "} }", "{ again {" + "hello " * MAX_FIELDS + "} }", id="fields"
        ),
        pytest.param("{" + "hello " * MAX_ROOT_FIELDS + "}", "{" + "hello " * (MAX_ROOT_FIELDS + 1) + "}", id="root"),
        pytest.param(
            "{ again {" + "".join(f"a{n}: hello " for n in range(MAX_ALIASES)) + "} }",
            "{ again {" + "".join(f"a{n}: hello " for n in range(MAX_ALIASES + 1)) + "} }",
            id="aliases",
        ),
        pytest.param(
            "{ again {" + "hello @skip(if: false) " * MAX_DIRECTIVES + "} }",
            "{ again {" + "hello @skip(if: false) " * (MAX_DIRECTIVES + 1) + "} }",
            id="directives",
        ),
        pytest.param(
            "{ again " * (MAX_DEPTH - 1) + "{ hello }" + "}" * (MAX_DEPTH - 1),
            "{ again " * MAX_DEPTH + "{ hello }" + "}" * MAX_DEPTH,
            id="depth",
        ),
    ],
)
async def test_h1_the_limits_are_exact(browser: Browser, within: str, beyond: str) -> None:
    """A document up to a limit is run, and one step over it is refused."""
    assert "errors" not in (await browser.ask(within)).json()
    assert code(await browser.ask(beyond)) == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize(
    "document",
    [
        pytest.param("{" + "hello " * 10_000 + "}", id="10000 duplicates"),
        pytest.param("{ again {" + "hello " * MAX_FIELDS + "} }", id="duplicates within the tokens"),
        pytest.param("{ hello " + "@skip(if: false) " * 1500 + "}", id="1500 directives"),
        pytest.param("{ hello " + "@x " * 400 + "}", id="directives within the tokens"),
        pytest.param("{ ...f } fragment f on Query { ...f }", id="a fragment that spreads itself"),
        pytest.param("{ ...f } fragment f on Query { ...g } fragment g on Query { ...f }", id="a circle"),
        pytest.param(doubling(50), id="2⁵⁰ fields by fragments"),
        pytest.param("{ again " * 5_000, id="5000 levels"),
        pytest.param("{ again " * 240 + "{ hello }" + "}" * 240, id="levels within the tokens"),
        pytest.param("{ echo(text: " + "[" * 900 + ") }", id="deep literal"),
        pytest.param('{ echo(text: "' + "x" * 60_000 + '", number: 1.5) }', id="huge literal"),
        pytest.param("query (" + "$a: Int " * 300 + ") { hello }", id="duplicate variables"),
        pytest.param("fragment f on Query { hello } " * 150 + "{ hello }", id="duplicate fragments"),
    ],
)
async def test_h1_an_oversized_document_is_refused_at_once(browser: Browser, document: str) -> None:
    """Refusing runs nothing, and its cost does not explode: the bound is many times what it takes."""
    began = time.process_time()
    response = await browser.ask(document)
    took = time.process_time() - began

    assert code(response) in {"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"}
    assert "data" not in response.json()
    assert took < 2


async def test_a_document_is_parsed_and_validated_once(stranger: Browser) -> None:
    """The second request of a document finds it remembered, and what is remembered is bounded."""
    for _ in range(3):
        await stranger.ask("{ hello }")
    found = stranger.operations.document.cache_info()

    assert (found.misses, found.hits, found.maxsize) == (1, 2, DOCUMENTS_REMEMBERED)


async def test_two_schemas_do_not_share_validations(browser: Browser, stranger: Browser) -> None:
    """What one schema allows is not thereby allowed in another one."""
    for _ in range(2):
        assert "errors" not in (await browser.ask("{ __schema { queryType { name } } }")).json()
        assert "errors" in (await stranger.ask("{ __schema { queryType { name } } }")).json()
