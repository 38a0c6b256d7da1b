"""Limits on documents."""

import asyncio
import gc
import threading
import time
from typing import Any

import graphql
import pytest
from graphql import DocumentNode

from tests.integration.transport.minimal_app import ApiClient, error_code
from tests.support.schema_elements import mutation_fields, served_schema
from transport import operations
from transport.document_cache import DocumentCache, memory_of
from transport.limits import (
    MAX_ALIASES,
    MAX_DEPTH,
    MAX_DIRECTIVES,
    MAX_FIELDS,
    MAX_ROOT_FIELDS,
    attempt_fields,
)
from transport.operations import MAX_ERRORS


def aliased(count: int, field: str = "login") -> str:
    """Return a mutation with this number of aliased fields."""
    return "mutation {" + " ".join(f"a{n}: {field}" for n in range(count)) + "}"


def doubling(levels: int) -> str:
    """Return a document with fragments that each spread the next fragment twice."""
    parts = [f"fragment f{n} on Query {{ ...f{n + 1} again {{ ...f{n + 1} }} }}" for n in range(levels)]
    return "{ ...f0 }" + "".join(parts) + f"fragment f{levels} on Query {{ hello }}"


@pytest.mark.attack("B1", "F1", "F2")
@pytest.mark.parametrize("count", [2, 50, 900, 1000, 5000])
async def test_aliased_attempts_are_rejected_before_execution(client: ApiClient, count: int) -> None:
    """A document with several attempts makes none of them."""
    response = await client.execute(aliased(count))

    assert error_code(response) in {"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"}
    assert "data" not in response.json()
    assert client.attempts == []


@pytest.mark.attack("B1", "B3")
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
        pytest.param("query A { hello } mutation B { login b: login }", id="with another operation"),
    ],
)
async def test_two_attempts_in_one_operation_are_rejected(client: ApiClient, document: str) -> None:
    """The server counts attempts as the executor would run them, through fragments, aliases and directives."""
    response = await client.execute(document, operationName="B" if " B " in document else None)

    assert error_code(response) == "GRAPHQL_VALIDATION_FAILED"
    assert client.attempts == []


@pytest.mark.attack("B3")
@pytest.mark.parametrize(
    "document",
    [
        pytest.param("mutation { login logout }", id="with a field that is no attempt"),
        pytest.param("mutation { login login }", id="merged into one"),
        pytest.param("mutation { login b: login @skip(if: true) }", id="the other is skipped"),
        pytest.param("mutation ($no: Boolean!) { login ... @include(if: $no) { b: login } }", id="not included"),
        pytest.param("mutation B { login } mutation C { login }", id="the other operation does not run"),
    ],
)
async def test_one_executed_attempt_is_allowed(client: ApiClient, document: str) -> None:
    """Skipped fields and other operations of the document do not count."""
    response = await client.execute(
        document, operationName="B" if " B " in document else None, variables={"no": False} if "$no" in document else {}
    )

    assert "errors" not in response.json()
    assert len(client.attempts) == 1


def test_every_field_with_a_password_or_code_uses_an_attempt() -> None:
    """Every mutation with a password, an OTP or a second factor as argument declares that it uses an attempt."""
    with_secret = {
        name
        for name, field in mutation_fields().items()
        if {"password", "currentPassword", "otp", "secondFactor"} & set(field.args)
    }

    assert attempt_fields(served_schema()) == with_secret


@pytest.mark.attack("H1")
@pytest.mark.parametrize(
    ("allowed", "rejected"),
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
async def test_limits_are_exact(client: ApiClient, allowed: str, rejected: str) -> None:
    """A document at a limit is executed. A document one step above it is rejected."""
    assert "errors" not in (await client.execute(allowed)).json()
    assert error_code(await client.execute(rejected)) == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.attack("H1")
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
async def test_oversized_document_is_rejected_quickly(client: ApiClient, document: str) -> None:
    """Nothing is executed, and the CPU time stays far below 2 seconds."""
    start = time.process_time()
    response = await client.execute(document)
    duration = time.process_time() - start

    assert error_code(response) in {"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"}
    assert "data" not in response.json()
    assert duration < 2


async def test_document_is_parsed_and_validated_once(
    production_client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second request with a document uses the cache."""
    parsed: list[str] = []

    def recording_parse(text: str, **options: Any) -> DocumentNode:  # noqa: ANN401  # those of graphql-core
        parsed.append(text)
        return graphql.parse(text, **options)

    monkeypatch.setattr(operations, "parse", recording_parse)

    for _ in range(3):
        assert "errors" not in (await production_client.execute("{ hello }")).json()

    assert parsed == ["{ hello }"]


async def test_schemas_do_not_share_cached_validation(client: ApiClient, production_client: ApiClient) -> None:
    """A document that one schema accepts can be rejected by another schema."""
    for _ in range(2):
        assert "errors" not in (await client.execute("{ __schema { queryType { name } } }")).json()
        assert "errors" in (await production_client.execute("{ __schema { queryType { name } } }")).json()


@pytest.mark.attack("H12")
@pytest.mark.parametrize(
    "document",
    [
        pytest.param("query " + "A" * 60_000 + " { a b c d e f g h i j k l }", id="long operation name"),
        pytest.param("query Q { hello" + " @a @b @c @d @e @f @g @h @i @j }", id="unknown directives"),
        pytest.param("{ " + " ".join(f"unknown{number}" for number in range(400)) + " }", id="unknown fields"),
        pytest.param("query { echo(text: [" + "$a " * 300 + "]) }", id="unknown variables"),
        pytest.param("{ " + "echo(number: 1) echo(number: 2) " * 30 + "}", id="conflicting fields"),
        pytest.param("{ echo(number: " + "9" * 5_000 + ") }", id="integer of 5,000 digits"),
        pytest.param("query ($n: Int = " + "9" * 5_000 + ") { echo(number: $n) }", id="default of 5,000 digits"),
        pytest.param('{ echo(number: "' + "9" * 60_000 + '") }', id="literal of another type"),
    ],
)
async def test_response_to_an_invalid_document_is_short(client: ApiClient, document: str) -> None:
    """The response has few errors, and each of them is short. The server does not keep the document."""
    for _ in range(2):
        # In a task of its own, as a server does. The context of a task keeps the document until it ends.
        response = await asyncio.create_task(client.execute(document))

        assert error_code(response) in {"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"}
        assert len(response.json()["errors"]) <= MAX_ERRORS
        assert len(response.content) < 5_000
    assert client.schema.documents.bytes == 0
    gc.collect()
    nodes = (each for each in gc.get_objects() if isinstance(each, DocumentNode))
    assert document not in {node.loc.source.body for node in nodes if node.loc}


@pytest.mark.attack("H17")
async def test_documents_are_validated_outside_the_event_loop(
    client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document in the cache is executed while another one is parsed."""
    assert "errors" not in (await client.execute("{ hello }")).json()
    loop, started, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def slow_parse(text: str, **options: Any) -> DocumentNode:  # noqa: ANN401  # those of graphql-core
        loop.call_soon_threadsafe(started.set)
        assert go_on.wait(10)
        return graphql.parse(text, **options)

    monkeypatch.setattr(operations, "parse", slow_parse)
    slow = asyncio.create_task(client.execute("{ again { hello } }"))
    await started.wait()
    assert "errors" not in (await client.execute("{ hello }")).json()
    assert not slow.done()
    go_on.set()

    assert "errors" not in (await slow).json()


@pytest.mark.attack("H12")
def test_memory_of_cached_documents_is_bounded() -> None:
    """A new document removes the least recently used ones."""
    cache = DocumentCache[str](max_bytes=3 * memory_of("aa", 1))
    for text in ("aa", "bb", "cc"):
        cache.add(text, text.upper(), memory_of(text, 1))
    assert cache.get("aa") == "AA"

    cache.add("dd", "DD", memory_of("dd", 1))

    assert [cache.get(text) for text in ("aa", "bb", "cc", "dd")] == ["AA", None, "CC", "DD"]
    assert cache.bytes == 3 * memory_of("aa", 1)
