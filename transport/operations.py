"""Apply the limits of the API to the operations of a schema, as an extension of Strawberry.

Documents are parsed, measured and validated once, and cached. Other extensions of the schema run too.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import structlog
from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSyntaxError,
    InlineFragmentNode,
    NonNullTypeNode,
    NoSchemaIntrospectionCustomRule,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    Source,
    TypeInfo,
    ValidationContext,
    ValueNode,
    VariableDefinitionNode,
    is_non_null_type,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.collect_fields import FragmentDetails, collect_fields
from graphql.execution.values import get_variable_values
from strawberry import Schema
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
from strawberry.types import ExecutionContext
from typing_extensions import override

from models.database import one_connection_at_a_time
from resolvers.context import Context
from security.fair_queue import FairQueue, Requester
from transport.document_cache import DocumentCache, memory_of
from transport.error_codes import BAD_USER_INPUT, GRAPHQL_VALIDATION_FAILED, OPERATION_RESOLUTION_FAILURE, request_error
from transport.input_messages import place_of_input
from transport.limits import MAX_TOKENS, attempt_fields, field_costs, measure_operations
from transport.sliced_execution import LARGE_COST, SLICES, SlicedExecution

# The number of errors in the response to an invalid document. Each error costs CPU, and more of them help no developer.
MAX_ERRORS = 5

Rules: TypeAlias = tuple[type[ASTValidationRule], ...]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation, its cost, and the names of its root fields by response key. Skipped fields are included."""

    node: OperationDefinitionNode
    cost: int
    # Empty if the document is not valid.
    root_fields: Mapping[str, str] = field(default_factory=dict)
    # Variables of a mutation that may be null by their own type, but not where the document uses them (GraphQL §5.8.5).
    never_null: Sequence[VariableDefinitionNode] = ()


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
        if named:
            message, german = (
                "Set `operationName` to one of the operations.",
                "Nennen Sie in `operationName` eine Operation.",
            )
        else:
            message, german = "There is no such operation.", "Diese Operation gibt es nicht."
        raise request_error(message, OPERATION_RESOLUTION_FAILURE, de=german)


class LimitedSchema(Schema):
    """A schema that limits the size, the cost and the attempts of each operation."""

    def __init__(self, query: type, mutation: type, *, introspection: bool, **options: Any) -> None:  # noqa: ANN401
        """Reject introspection queries if `introspection` is false. `options` are those of Strawberry's schema."""
        super().__init__(query, mutation, execution_context_class=SlicedExecution, **options)
        self._schema.extensions[SLICES] = asyncio.Lock()
        self._costs = field_costs(self._schema)
        self._attempt_fields = attempt_fields(self._schema)
        self.introspection = introspection
        self.documents = DocumentCache[Document]()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="documents")
        self._unknown_documents = FairQueue(places=1, name="document_queue")
        self._large_queries = FairQueue(places=1, name="large_query_queue")

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    @override
    def get_extensions(self, sync: bool = False) -> list[SchemaExtension]:
        """Return the extensions for one operation.

        The limits are first. If a hook raises, the hooks that have started the same step do not end it.
        """
        return [OperationLimits(self), *super().get_extensions(sync)]

    @override
    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Log nothing, since the view logs errors. Strawberry would log their messages with submitted values."""

    async def document(self, query: str, rules: Rules, address: str | None) -> Document:
        """Parse, measure and validate a document, or take it from the cache. Invalid documents are not cached.

        Strangers can send documents that take tens of milliseconds. One thread parses them, and addresses take turns.

        Raises:
            GraphQLError: The document is not GraphQL, or exceeds a limit.
            OverloadedError: Too many other documents wait.
        """
        document = self.documents.get((query, rules))
        if document is None:
            async with _turn(self._unknown_documents, address):
                parsing = asyncio.get_running_loop().run_in_executor(self._thread, self.parse_document, query, rules)
                document = await parsing
            if not document.errors:
                size = memory_of(query, document.node.token_count or MAX_TOKENS)
                self.documents.add((query, rules), document, size)
        return document

    def parse_document(self, query: str, rules: Rules = tuple(specified_rules)) -> Document:
        """Parse, measure and validate a document, without the cache.

        Raises:
            GraphQLError: The document is not GraphQL, or exceeds a limit.
        """
        try:
            node = parse(query, max_tokens=MAX_TOKENS)
            costs = iter(measure_operations(node, self._schema, self._costs))
            errors = self._validate(node, rules)
        except RecursionError:
            raise GraphQLSyntaxError(Source(query), 0, "The document is nested too deeply.") from None
        fragments = {part.name.value: part for part in node.definitions if isinstance(part, FragmentDefinitionNode)}
        operations = [
            Operation(part, next(costs))
            if errors
            else Operation(part, next(costs), _root_fields(part.selection_set, fragments), self._never_null(node, part))
            for part in node.definitions
            if isinstance(part, OperationDefinitionNode)
        ]
        return Document(node, operations, fragments, errors)

    def problem_of(self, query: str) -> str | None:
        """Return why the server would not execute a document, or None."""
        try:
            errors = self.parse_document(query).errors
        except GraphQLError as error:
            errors = [error]
        return errors[0].message if errors else None

    def _never_null(self, document: DocumentNode, operation: OperationDefinitionNode) -> list[VariableDefinitionNode]:
        definitions = operation.variable_definitions or ()
        nullable = [each for each in definitions if not isinstance(each.type, NonNullTypeNode)]
        if operation.operation is not OperationType.MUTATION or not nullable:
            return []
        context = ValidationContext(self._schema, document, TypeInfo(self._schema), on_error=lambda _error: None)
        usages = context.get_recursive_variable_usages(operation)
        used = {usage.node.name.value for usage in usages if is_non_null_type(usage.type)}
        return [each for each in nullable if each.variable.name.value in used]

    def _validate(self, node: DocumentNode, rules: Rules) -> Sequence[GraphQLError]:
        # Strawberry adds the same two rules. Without them, graphql-core accepts a null in a oneOf input, and then the
        # conversion of arguments in Strawberry fails.
        rules = (*rules, MaybeNullValidationRule, OneOfInputValidationRule)
        if not self.introspection:
            rules = (*rules, NoSchemaIntrospectionCustomRule)
        try:
            # graphql-core appends an error that says that there are more.
            errors = validate(
                self._schema, node, rules, max_errors=MAX_ERRORS - 1, hide_suggestions=not self.introspection
            )
            return [_with_place(error, node) for error in errors] if self.introspection else errors
        except (GraphQLError, RecursionError):
            raise
        except Exception as error:  # noqa: BLE001  # whatever a rule or a scalar raises, the document is the cause
            log.warning("validation_failed", error=type(error).__name__)
            message, german = "The document is not valid.", "Das Dokument ist ungültig."
            return [request_error(message, GRAPHQL_VALIDATION_FAILED, de=german)]

    def executed_attempts(self, document: Document, operation: Operation, variables: dict[str, Any] | None) -> int:
        """Return the number of attempts that will run. The executor's own function omits skipped fields."""
        root = self._schema.get_root_type(operation.node.operation)
        values = get_variable_values(self._schema, operation.node.variable_definitions or (), variables or {})
        if root is None or isinstance(values, list):
            # The executor reports the error in the variables and runs nothing.
            return 0
        fragments = {name: FragmentDetails(fragment) for name, fragment in document.fragments.items()}
        collected = collect_fields(self._schema, fragments, values, root, operation.node).grouped_field_set
        return self.attempts({key: details[0].node.name.value for key, details in collected.items()})

    def attempts(self, fields: Mapping[str, str]) -> int:
        """Return the number of attempts of root fields, by response key."""
        return sum(name in self._attempt_fields for name in fields.values())

    def name_variables(
        self, errors: list[GraphQLError], operation: Operation, variables: dict[str, Any] | None
    ) -> None:
        """Add the variable to Strawberry's error about a oneOf input, which refers to nothing in the document."""
        for index, error in enumerate(errors):
            if isinstance(error, StrawberryInputCoercionError) and not error.nodes:
                invalid = [
                    each
                    for each in operation.node.variable_definitions or ()
                    if isinstance(get_variable_values(self._schema, [each], variables or {}), list)
                ]
                errors[index] = GraphQLError(error.message, invalid[:1], extensions={"code": BAD_USER_INPUT})

    @asynccontextmanager
    async def turn_of(self, operation: Operation, address: str | None) -> AsyncIterator[None]:
        """Wait for the turn of a large query. Mutations do not wait: they can wait for a slow hash themselves.

        Raises:
            OverloadedError: Too many other large queries wait.
        """
        if operation.cost > LARGE_COST and operation.node.operation is OperationType.QUERY:
            async with _turn(self._large_queries, address):
                yield
        else:
            yield


class OperationLimits(SchemaExtension):
    """Applies the limits of a schema to one operation.

    An exception that a hook raises becomes a request error (GraphQL §7.1.2): nothing is executed.
    """

    def __init__(self, schema: LimitedSchema) -> None:
        self._schema = schema

    async def on_parse(self) -> AsyncIterator[None]:
        """Take the document from the cache or parse it, and select the operation."""
        execution = self.execution_context
        context: Context = execution.context
        self._address = context.client.ip_address
        self._document = await self._schema.document(execution.query or "", execution.validation_rules, self._address)
        self._operation = self._document.select_operation(execution.operation_name)
        context.cost = self._operation.cost
        execution.graphql_document = self._document.node
        yield

    def on_validate(self) -> Iterator[None]:
        """Reject an invalid document, an operation with several attempts, and nulls that are no valid arguments."""
        self.execution_context.pre_execution_errors = (
            list(self._document.errors) or self._attempt_errors() or self._null_errors()
        )
        yield

    async def on_execute(self) -> AsyncIterator[None]:
        """Execute large queries one at a time, and use one database connection at a time."""
        async with self._schema.turn_of(self._operation, self._address):
            with one_connection_at_a_time():
                yield
        if (result := self.execution_context.result) and result.errors:
            self._schema.name_variables(result.errors, self._operation, self.execution_context.variables)

    def _attempt_errors(self) -> list[GraphQLError]:
        fields = self._operation.root_fields
        structlog.contextvars.bind_contextvars(operation=",".join(sorted(set(fields.values()))))
        variables = self.execution_context.variables
        # The first count includes skipped fields. If it is at most 1, the exact count is not needed.
        if (
            self._schema.attempts(fields) > 1
            and self._schema.executed_attempts(self._document, self._operation, variables) > 1
        ):
            message = "An operation may contain at most one field that checks a password or a code."
            german = "Eine Operation darf höchstens ein Feld enthalten, das ein Passwort oder einen Code prüft."
            return [request_error(message, GRAPHQL_VALIDATION_FAILED, de=german)]
        return []

    def _null_errors(self) -> list[GraphQLError]:
        """Reject nulls that the executor would meet in the result of a mutation, and so destroy a committed answer."""
        given = self.execution_context.variables or {}
        nulls = [each for each in self._operation.never_null if _is_null(each, given)]
        message = "not to be None"
        return [GraphQLError(message, nodes=[each], extensions={"code": BAD_USER_INPUT}) for each in nulls]


def _is_null(definition: VariableDefinitionNode, given: Mapping[str, Any]) -> bool:
    name = definition.variable.name.value
    return given[name] is None if name in given else isinstance(definition.default_value, NullValueNode)


@asynccontextmanager
async def _turn(queue: FairQueue, address: str | None) -> AsyncIterator[None]:
    turn = await queue.reserve(Requester(address=address), 1)
    try:
        yield
    finally:
        turn.end_turn()


def _with_place(error: GraphQLError, document: DocumentNode) -> GraphQLError:
    """Add the name of the argument or variable to an error about a literal."""
    if error.nodes and isinstance(error.nodes[0], ValueNode):
        error.extensions = {**(error.extensions or {}), "place": place_of_input(error.nodes[0], document)}
    return error


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
