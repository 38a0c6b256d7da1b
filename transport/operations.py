"""Parse, measure and validate GraphQL documents, cache the results, and execute operations with graphql-core.

Strawberry's `Schema.execute` is not used: it runs extensions around each operation, which cost as much as the execution
of a small operation (docs/performance.md).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

import structlog
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSyntaxError,
    InlineFragmentNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    Source,
    execute,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.collect_fields import FragmentDetails, collect_fields
from graphql.execution.values import get_variable_values
from strawberry import Schema
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from models.database import one_connection_at_a_time
from security.errors import OverloadedError
from security.fair_queue import FairQueue, Requester
from security.time_slices import MAX_SLICE_S
from transport.bodies import Parameters
from transport.document_cache import DocumentCache, memory_of
from transport.error_codes import GRAPHQL_VALIDATION_FAILED, OPERATION_RESOLUTION_FAILURE, request_error
from transport.limits import MAX_TOKENS, attempt_fields, field_costs, measure_operations
from transport.sliced_execution import SlicedExecution

# An operation of a higher cost is executed in slices. The slices cost time, and an operation of this cost takes few
# milliseconds.
SMALL_COST = 200
# Queries of a higher cost are executed one at a time. A page of 25 users with all their fields costs less.
LARGE_COST = 2_000
# The number of errors in the response to an invalid document. Each error costs CPU, and more of them help no developer.
MAX_ERRORS = 5

log = structlog.get_logger(__name__)


class OperationError(Exception):
    """Raised when an operation has request errors and nothing was executed (GraphQL §7.1.2)."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(*errors)
        self.errors = errors


class OperationTypeError(Exception):
    """Raised when the HTTP method does not allow operations of this type."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation, its cost, and the names of its root fields by response key. Skipped fields are included."""

    node: OperationDefinitionNode
    cost: int
    # Empty if the document is not valid.
    root_fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed and measured document with its validation errors."""

    node: DocumentNode
    operations: Sequence[Operation]
    fragments: Mapping[str, FragmentDefinitionNode]
    errors: Sequence[GraphQLError]

    def select_operation(self, name: str | None) -> Operation:
        """Return the operation to execute (GraphQL §6.1, GetOperation).

        Raises:
            GraphQLError: No operation has this name, or there are several operations and no name is given.
        """
        named = [each for each in self.operations if name is None or (each.node.name and each.node.name.value == name)]
        # The validation reports two operations of one name.
        if len(named) == 1 or (named and name is not None):
            return named[0]
        message = "Set `operationName` to one of the operations." if named else "There is no such operation."
        raise request_error(message, OPERATION_RESOLUTION_FAILURE)


class Operations:
    """Executes the operations of a schema."""

    def __init__(self, schema: Schema, *, introspection: bool) -> None:
        """Execute operations against `schema`. If `introspection` is false, reject introspection queries."""
        self._schema = schema._schema  # noqa: SLF001  # there is no public attribute
        self._costs = field_costs(self._schema)
        self._attempt_fields = attempt_fields(self._schema)
        self._introspection = introspection
        # Strawberry adds the same rules. Without them, graphql-core accepts a null in a oneOf input, and then the
        # conversion of arguments in Strawberry fails.
        rules = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
        self._rules = rules if introspection else (*rules, NoSchemaIntrospectionCustomRule)
        self.documents = DocumentCache[Document]()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="documents")
        self._unknown_documents = FairQueue(places=1)
        self._large_queries = FairQueue(places=1)
        self._slices = asyncio.Lock()

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def run(
        self,
        parameters: Parameters,
        make_context: Callable[[int], Any],
        types: Collection[OperationType],
        *,
        address: str | None = None,
    ) -> ExecutionResult:
        """Execute an operation of one of these types. `make_context` gets its cost. `address` is that of the client.

        Raises:
            OperationError: The document is not GraphQL, exceeds a limit or is not valid; the operation is missing or
                ambiguous; the operation checks more than one password or code; or the server is overloaded.
            OperationTypeError: The operation has another type.
        """
        try:
            document = await self.document(parameters.query, address)
            operation = document.select_operation(parameters.operation_name)
        except GraphQLError as error:
            raise OperationError([error]) from None
        if operation.node.operation not in types:
            raise OperationTypeError
        if document.errors:
            raise OperationError(document.errors)
        fields = operation.root_fields
        structlog.contextvars.bind_contextvars(operation=",".join(sorted(set(fields.values()))))
        # The first count includes skipped fields. If it is at most 1, the exact count is not needed.
        if self._attempts(fields) > 1 and self._executed_attempts(document, operation.node, parameters.variables) > 1:
            message = "An operation may contain at most one field that checks a password or a code."
            raise OperationError([request_error(message, GRAPHQL_VALIDATION_FAILED)])
        # A mutation can wait for a slow hash. It must not keep queries waiting.
        if operation.cost > LARGE_COST and operation.node.operation is OperationType.QUERY:
            async with self._turn(self._large_queries, address):
                return await self._execute(document, operation, parameters, make_context)
        return await self._execute(document, operation, parameters, make_context)

    async def _execute(
        self, document: Document, operation: Operation, parameters: Parameters, make_context: Callable[[int], Any]
    ) -> ExecutionResult:
        with one_connection_at_a_time():
            result = execute(
                self._schema,
                document.node,
                context_value=make_context(operation.cost),
                variable_values=parameters.variables,
                operation_name=parameters.operation_name,
                **self._executor_of(operation),
            )
            return await result if isawaitable(result) else result

    @staticmethod
    @asynccontextmanager
    async def _turn(queue: FairQueue, address: str | None) -> AsyncIterator[None]:
        try:
            turn = await queue.reserve(Requester(address=address), 1)
        except OverloadedError as error:
            raise OperationError([GraphQLError(str(error), original_error=error)]) from None
        try:
            yield
        finally:
            turn.end_turn()

    async def document(self, query: str, address: str | None = None) -> Document:
        """Parse, measure and validate a document, or take it from the cache. Invalid documents are not cached.

        Strangers can send documents that take tens of milliseconds. One thread parses them, and addresses take turns.

        Raises:
            GraphQLError: The document is not GraphQL, or exceeds a limit.
            OperationError: Too many other documents wait.
        """
        document = self.documents.get(query)
        if document is None:
            async with self._turn(self._unknown_documents, address):
                document = await asyncio.get_running_loop().run_in_executor(self._thread, self.parse_document, query)
            if not document.errors:
                self.documents.add(query, document, memory_of(query, document.node.token_count or MAX_TOKENS))
        return document

    def parse_document(self, query: str) -> Document:
        """Parse, measure and validate a document, without the cache.

        Raises:
            GraphQLError: The document is not GraphQL, or exceeds a limit.
        """
        try:
            node = parse(query, max_tokens=MAX_TOKENS)
            costs = iter(measure_operations(node, self._schema, self._costs))
            errors = self._validate(node)
        except RecursionError:
            raise GraphQLSyntaxError(Source(query), 0, "The document is nested too deeply.") from None
        fragments = {part.name.value: part for part in node.definitions if isinstance(part, FragmentDefinitionNode)}
        operations = [
            Operation(part, next(costs), {} if errors else _root_fields(part.selection_set, fragments))
            for part in node.definitions
            if isinstance(part, OperationDefinitionNode)
        ]
        return Document(node, operations, fragments, errors)

    def _validate(self, node: DocumentNode) -> Sequence[GraphQLError]:
        try:
            # graphql-core appends an error that says that there are more.
            return validate(
                self._schema, node, self._rules, max_errors=MAX_ERRORS - 1, hide_suggestions=not self._introspection
            )
        except (GraphQLError, RecursionError):
            raise
        except Exception as error:  # noqa: BLE001  # whatever a rule or a scalar raises, the document is the cause
            log.warning("validation_failed", error=type(error).__name__)
            return [request_error("The document is not valid.", GRAPHQL_VALIDATION_FAILED)]

    def _executor_of(self, operation: Operation) -> dict[str, Any]:
        if operation.cost > SMALL_COST:
            # A large query leaves half of the time to others, however many slices it has.
            pause_s = MAX_SLICE_S if operation.cost > LARGE_COST else 0
            return {"executor_class": SlicedExecution, "slices": self._slices, "pause_s": pause_s}
        return {"executor_class": StrawberryGraphQLCoreExecutionContext}

    def _executed_attempts(
        self, document: Document, operation: OperationDefinitionNode, variables: dict[str, Any] | None
    ) -> int:
        """Return the number of attempts that will run. The executor's own function omits skipped fields."""
        root = self._schema.get_root_type(operation.operation)
        values = get_variable_values(self._schema, operation.variable_definitions or (), variables or {})
        if root is None or isinstance(values, list):
            # The executor reports the error in the variables and runs nothing.
            return 0
        fragments = {name: FragmentDetails(fragment) for name, fragment in document.fragments.items()}
        collected = collect_fields(self._schema, fragments, values, root, operation).grouped_field_set
        return self._attempts({key: details[0].node.name.value for key, details in collected.items()})

    def _attempts(self, fields: Mapping[str, str]) -> int:
        return sum(name in self._attempt_fields for name in fields.values())


def _root_fields(selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]) -> dict[str, str]:
    """Return the root fields of a valid operation, including skipped ones."""
    fields: dict[str, str] = {}
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            fields[(selection.alias or selection.name).value] = selection.name.value
        elif isinstance(selection, FragmentSpreadNode):
            fields |= _root_fields(fragments[selection.name.value].selection_set, fragments)
        elif isinstance(selection, InlineFragmentNode):
            fields |= _root_fields(selection.selection_set, fragments)
    return fields
