"""Operations: a document is parsed, measured and validated once, and remembered; then graphql-core runs what it says.

Strawberry's own `Schema.execute` does the same, with extensions around each operation that cost as much as running a
small one (docs/performance.md).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
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
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from transport.bodies import Parameters
from transport.codes import GRAPHQL_VALIDATION_FAILED, OPERATION_RESOLUTION_FAILURE, request_error
from transport.limits import MAX_TOKENS, require_small

# How many documents are remembered. A client has a few dozen.
DOCUMENTS_REMEMBERED = 256

# Fields that check a password or a code, of which an operation may hold one: otherwise one request would be many
# guesses.
SPENDING_FIELDS = frozenset(
    {
        "login",
        "verifyLogin",
        "startTwoFactorActivation",
        "confirmOtp",
        "regenerateBackupCodes",
        "deactivateTwoFactor",
        "adminResetTwoFactor",
        "updateSecurityPolicy",
        "changePassword",
    }
)


class OperationRefusedError(Exception):
    """Nothing of the operation was executed (a request error, GraphQL §7.1.2)."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        """Say why."""
        super().__init__(*errors)
        self.errors = errors


class OperationTypeRefusedError(Exception):
    """The method of the request does not run operations of this type."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation, and its root fields by the keys that they have in the answer: at least those that will run."""

    node: OperationDefinitionNode
    # Empty where the document is not valid.
    root_fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was parsed and measured, and what its validation found."""

    node: DocumentNode
    operations: Sequence[Operation]
    fragments: Mapping[str, FragmentDefinitionNode]
    errors: Sequence[GraphQLError]

    def operation(self, name: str | None) -> Operation:
        """The operation to run (GraphQL §6.1, GetOperation).

        Raises:
            GraphQLError: There is none of this name, or there are several and no name.
        """
        named = [each for each in self.operations if name is None or (each.node.name and each.node.name.value == name)]
        # Two of one name are for the validation to tell of.
        if len(named) == 1 or (named and name is not None):
            return named[0]
        message = "The document has several operations: name one." if named else "There is no such operation."
        raise request_error(message, OPERATION_RESOLUTION_FAILURE)


class Operations:
    """Runs the operations of a schema."""

    def __init__(self, schema: Schema, *, introspection: bool) -> None:
        """Run what `schema` has; whether one may ask what that is says `introspection`."""
        self._schema = schema._schema  # noqa: SLF001  # no public way
        self._executor_class = schema.execution_context_class
        self._introspection = introspection
        # As Strawberry does: graphql-core lets a null in a one-of pass, which Strawberry's arguments then choke on.
        rules = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
        self._rules = rules if introspection else (*rules, NoSchemaIntrospectionCustomRule)
        self.document = lru_cache(DOCUMENTS_REMEMBERED)(self._document)

    async def run(
        self,
        parameters: Parameters,
        context: Any,  # noqa: ANN401  # the resolvers' own
        types: Collection[OperationType],
    ) -> ExecutionResult:
        """Run an operation of one of these types.

        Raises:
            OperationRefusedError: It is no GraphQL, too large, not valid, not to be told from others, or checks more
                than one password or code.
            OperationTypeRefusedError: It is of another type.
        """
        try:
            document = self.document(parameters.query)
            operation = document.operation(parameters.operation_name)
        except GraphQLError as error:
            raise OperationRefusedError([error]) from None
        if operation.node.operation not in types:
            raise OperationTypeRefusedError
        if document.errors:
            raise OperationRefusedError(document.errors)
        fields = operation.root_fields
        structlog.contextvars.bind_contextvars(operation=",".join(sorted(set(fields.values()))))
        if _spent(fields) > 1 and _spent(self._executed_fields(document, operation.node, parameters.variables)) > 1:
            message = "At most one field that checks a password or a code may stand in one operation."
            raise OperationRefusedError([request_error(message, GRAPHQL_VALIDATION_FAILED)])
        result = execute(
            self._schema,
            document.node,
            context_value=context,
            variable_values=parameters.variables,
            operation_name=parameters.operation_name,
            executor_class=self._executor_class,
        )
        return await result if isawaitable(result) else result

    def _document(self, query: str) -> Document:
        try:
            node = parse(query, max_tokens=MAX_TOKENS)
            require_small(node)
            errors = validate(self._schema, node, self._rules, hide_suggestions=not self._introspection)
        except RecursionError:
            raise GraphQLSyntaxError(Source(query), 0, "The document nests too deeply.") from None
        fragments = {part.name.value: part for part in node.definitions if isinstance(part, FragmentDefinitionNode)}
        operations = [
            Operation(part, {} if errors else _root_fields(part.selection_set, fragments))
            for part in node.definitions
            if isinstance(part, OperationDefinitionNode)
        ]
        return Document(node, operations, fragments, errors)

    def _executed_fields(
        self, document: Document, operation: OperationDefinitionNode, variables: dict[str, Any] | None
    ) -> dict[str, str]:
        """The root fields that will run, as the executor itself collects them: what is skipped does not."""
        root = self._schema.get_root_type(operation.operation)
        values = get_variable_values(self._schema, operation.variable_definitions or (), variables or {})
        if root is None or isinstance(values, list):
            # The executor will say what is wrong with the variables, and run nothing.
            return {}
        fragments = {name: FragmentDetails(fragment) for name, fragment in document.fragments.items()}
        collected = collect_fields(self._schema, fragments, values, root, operation).grouped_field_set
        return {key: details[0].node.name.value for key, details in collected.items()}


def _spent(fields: Mapping[str, str]) -> int:
    return sum(name in SPENDING_FIELDS for name in fields.values())


def _root_fields(selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]) -> dict[str, str]:
    """The root fields of a valid operation, whatever is skipped."""
    fields: dict[str, str] = {}
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            fields[(selection.alias or selection.name).value] = selection.name.value
        elif isinstance(selection, FragmentSpreadNode):
            fields |= _root_fields(fragments[selection.name.value].selection_set, fragments)
        elif isinstance(selection, InlineFragmentNode):
            fields |= _root_fields(selection.selection_set, fragments)
    return fields
