"""Strawberry's extensions run for each operation, together with the limits."""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import ASTValidationRule, FieldNode, GraphQLError, GraphQLResolveInfo
from strawberry.extensions import AddValidationRules, SchemaExtension
from typing_extensions import override

from tests.integration.transport.minimal_app import api_client, error_code, minimal_app

PERSISTED = {"known": "{ hello }", "two attempts": "mutation { login verifyLogin }"}


class RecordingExtension(SchemaExtension):
    """Records the steps of an operation, and adds them to the response."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def _record(self, step: str) -> Iterator[None]:
        self.steps.append(f"{step} starts")
        yield
        self.steps.append(f"{step} ends")

    @override
    def on_operation(self) -> Iterator[None]:
        yield from self._record("operation")

    @override
    def on_parse(self) -> Iterator[None]:
        yield from self._record("parse")

    @override
    def on_validate(self) -> Iterator[None]:
        yield from self._record("validate")

    @override
    def on_execute(self) -> Iterator[None]:
        yield from self._record("execute")

    @override
    def resolve(self, _next: Any, root: Any, info: GraphQLResolveInfo[Any], *args: str, **kwargs: Any) -> object:
        self.steps.append(f"resolve {info.field_name}")
        return _next(root, info, *args, **kwargs)

    @override
    def get_results(self) -> dict[str, Any]:
        return {"steps": self.steps}


class PersistedQueries(SchemaExtension):
    """Replaces the name of a query by its text."""

    @override
    def on_operation(self) -> Iterator[None]:
        name = (self.execution_context.operation_extensions or {}).get("persisted")
        self.execution_context.query = PERSISTED.get(name or "", self.execution_context.query)
        yield


class NoEcho(ASTValidationRule):
    """Rejects the field `echo`."""

    def enter_field(self, node: FieldNode, *_arguments: object) -> None:
        """Report the field."""
        if node.name.value == "echo":
            self.report_error(GraphQLError("There is no echo.", node))


@pytest.mark.parametrize("source", ["parsed", "cached"])
async def test_all_hooks_of_an_extension_run(source: str) -> None:
    """They run around each step, and the results of the extension are part of the response."""
    async with api_client(minimal_app(extensions=[RecordingExtension])) as client:
        if source == "cached":
            await client.execute("{ hello }")
        response = await client.execute("{ hello }")

    assert response.json() == {
        "data": {"hello": "world"},
        "extensions": {
            "steps": [
                "operation starts", "parse starts", "parse ends", "validate starts", "validate ends",
                "execute starts", "resolve hello", "execute ends", "operation ends",
            ]
        },
    }  # fmt: skip


async def test_extension_sees_an_invalid_document() -> None:
    """The errors of the limits and of the validation reach extensions, as those of Strawberry do."""
    async with api_client(minimal_app(extensions=[RecordingExtension])) as client:
        for document in ("{ unknown }", "mutation { login verifyLogin }"):
            response = await client.execute(document)

            assert error_code(response) == "GRAPHQL_VALIDATION_FAILED"
            assert "validate ends" in response.json()["extensions"]["steps"]
            assert "execute starts" not in response.json()["extensions"]["steps"]
        assert client.attempts == []


async def test_extension_can_provide_the_document() -> None:
    """A request without a query is answered if an extension knows its document. The limits apply to that document."""
    async with api_client(minimal_app(extensions=[PersistedQueries])) as client:
        known = await client.send(json={"extensions": {"persisted": "known"}})
        rejected = await client.send(json={"extensions": {"persisted": "two attempts"}})
        unknown = await client.send(json={"extensions": {"persisted": "unknown"}})

        assert known.json() == {"data": {"hello": "world"}}
        assert error_code(rejected) == "GRAPHQL_VALIDATION_FAILED"
        assert (unknown.status_code, error_code(unknown)) == (400, "BAD_USER_INPUT")
        assert client.attempts == []


async def test_validation_rules_of_an_extension_apply() -> None:
    """The validation uses the rules that extensions add, also for a document in the cache."""
    async with api_client(minimal_app(extensions=[lambda: AddValidationRules([NoEcho])])) as client:
        for _ in range(2):
            assert error_code(await client.execute("{ echo }")) == "GRAPHQL_VALIDATION_FAILED"
            assert "errors" not in (await client.execute("{ hello }")).json()


async def test_cached_document_is_validated_again_for_other_rules() -> None:
    """If an extension adds rules to some operations only, each operation is validated by its own rules."""
    rules: list[type[ASTValidationRule]] = []
    async with api_client(minimal_app(extensions=[lambda: AddValidationRules(rules)])) as client:
        assert "errors" not in (await client.execute("{ echo }")).json()
        rules.append(NoEcho)

        assert error_code(await client.execute("{ echo }")) == "GRAPHQL_VALIDATION_FAILED"


async def test_exception_of_an_extension_is_an_internal_error() -> None:
    """The response does not contain its message."""

    class Broken(SchemaExtension):
        @override
        def on_execute(self) -> Iterator[None]:
            message = "secret"
            raise RuntimeError(message)

    async with api_client(minimal_app(extensions=[Broken])) as client:
        response = await client.execute("{ hello }")

    assert error_code(response) == "INTERNAL_SERVER_ERROR"
    assert "secret" not in response.text
