"""Which documents are run at all: their size is counted through fragments, before anything of them is executed."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import structlog
from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSyntaxError,
    IntValueNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    SelectionSetNode,
    Source,
    parse,
)
from graphql.execution.collect_fields import FragmentDetails, collect_fields
from graphql.execution.values import get_variable_values
from strawberry.extensions import AddValidationRules, SchemaExtension, ValidationCache

from transport.codes import GRAPHQL_VALIDATION_FAILED, OPERATION_RESOLUTION_FAILURE, request_error
from twofactor.rules.policy import PAGE_MAX

# The introspection query of GraphiQL is the largest document a client has need of: some 400 tokens and 300 fields.
MAX_TOKENS = 1000
MAX_FIELDS = 500
# A page of users, with the company account of each and the page of each one's events, is 8 deep. What stands below
# `__schema` and `__type` is not counted: it nests deeper, and costs nothing.
MAX_DEPTH = 12
MAX_ALIASES = 20
MAX_ROOT_FIELDS = 10
MAX_DIRECTIVES = 20
# What the pages of an operation can hold at most together. Lists in lists multiply: a hundred users with a hundred
# events each are 10,100; one list more, and a single small document would ask for a million.
MAX_ITEMS = 10_500

# The fields that give a page, and how long one is where `first` is left out.
PAGED_FIELDS = frozenset({"users", "securityEvents"})
PAGE_DEFAULT = 25

# How many documents are remembered, parsed and validated. A client has a few dozen.
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


@dataclass(slots=True)
class Size:
    """How much a selection asks for, with its fragments written out."""

    fields: int = 0
    root_fields: int = 0
    aliases: int = 0
    directives: int = 0
    depth: int = 0
    items: int = 0

    def add(self, part: "Size") -> None:
        """Take in what stands on the same level."""
        self.fields += part.fields
        self.root_fields += part.root_fields
        self.aliases += part.aliases
        self.directives += part.directives
        self.items += part.items
        self.depth = max(self.depth, part.depth)


class _Measure:
    """Measures a document. Each fragment is measured once, however often it is spread."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._sizes: dict[str, Size | None] = {}

    def of(self, selections: SelectionSetNode) -> Size:
        """The size of a selection set.

        Raises:
            GraphQLError: A fragment spreads itself.
        """
        size = Size()
        for selection in selections.selections:
            size.directives += len(selection.directives or ())
            if isinstance(selection, FieldNode):
                size.add(self._of_field(selection))
            elif isinstance(selection, FragmentSpreadNode):
                size.add(self._of_fragment(selection.name.value))
            else:
                size.add(self.of(selection.selection_set))  # type: ignore[attr-defined]  # an inline fragment
        return size

    def _of_field(self, field: FieldNode) -> Size:
        below = self.of(field.selection_set) if field.selection_set else Size()
        return Size(
            fields=1 + below.fields,
            root_fields=1,
            aliases=below.aliases + (field.alias is not None),
            directives=below.directives,
            depth=1 if field.name.value in {"__schema", "__type"} else 1 + below.depth,
            items=_page_size(field) * (1 + below.items) if field.name.value in PAGED_FIELDS else below.items,
        )

    def _of_fragment(self, name: str) -> Size:
        if name not in self._sizes:
            # Until it is known: whoever asks now is the fragment itself.
            self._sizes[name] = None
            fragment = self._fragments.get(name)
            # A fragment that nobody defined is for the validation to tell of.
            self._sizes[name] = self.of(fragment.selection_set) if fragment else Size()
        size = self._sizes[name]
        if size is None:
            message = "A fragment spreads itself."
            raise request_error(message, GRAPHQL_VALIDATION_FAILED)
        return size


@lru_cache(DOCUMENTS_REMEMBERED)
def admitted_document(query: str) -> DocumentNode:
    """The parsed document, if it is not too large.

    Raises:
        GraphQLError: It is no GraphQL, or too large.
    """
    try:
        document = parse(query, max_tokens=MAX_TOKENS)
        measure = _Measure(document)
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                size = measure.of(definition.selection_set)
                size.directives += len(definition.directives or ())
                _require_small(size)
    except RecursionError:
        raise GraphQLSyntaxError(Source(query), 0, "The document nests too deeply.") from None
    return document


def _page_size(field: FieldNode) -> int:
    """How many items a field can give at most; a variable may be anything that is let through."""
    first = next((argument.value for argument in field.arguments or () if argument.name.value == "first"), None)
    if first is None:
        return PAGE_DEFAULT
    if isinstance(first, IntValueNode) and len(first.value) <= len(str(PAGE_MAX)):
        return min(max(int(first.value), 1), PAGE_MAX)
    return PAGE_MAX


def _require_small(size: Size) -> None:
    for count, most, what in (
        (size.fields, MAX_FIELDS, "fields"),
        (size.root_fields, MAX_ROOT_FIELDS, "root fields"),
        (size.aliases, MAX_ALIASES, "aliases"),
        (size.directives, MAX_DIRECTIVES, "directives"),
        (size.depth, MAX_DEPTH, "levels"),
        (size.items, MAX_ITEMS, "items of lists"),
    ):
        if count > most:
            message = f"The operation has more than {most} {what}, its fragments written out."
            raise request_error(message, GRAPHQL_VALIDATION_FAILED)


class Admission(SchemaExtension):
    """Lets a small document through whose operation is named where it must be, and spends one attempt at most."""

    spending_fields: Collection[str] = SPENDING_FIELDS

    def on_parse(self) -> Iterator[None]:
        """Parse, or remember the document, and find the operation in it.

        Raises:
            GraphQLError: It is no GraphQL, too large, or has several operations and the request names none.
        """
        context = self.execution_context
        context.graphql_document = admitted_document(context.query or "")
        _operation(context.graphql_document, context._provided_operation_name)  # noqa: SLF001  # no public way
        yield

    def on_execute(self) -> Iterator[None]:
        """Count what spends an attempt, as the executor itself will collect it.

        Raises:
            GraphQLError: There is more than one.
        """
        context = self.execution_context
        document = context.graphql_document
        assert document is not None  # noqa: S101  # what was not parsed is not executed
        fields = _root_fields(context, document)
        structlog.contextvars.bind_contextvars(operation=",".join(sorted(set(fields))))
        if sum(name in self.spending_fields for name in fields) > 1:
            message = "At most one field that checks a password or a code may stand in one operation."
            raise request_error(message, GRAPHQL_VALIDATION_FAILED)
        yield


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation to run (GraphQL §6.1, GetOperation)."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name is not None:
        operations = [node for node in operations if node.name and node.name.value == name]
    if len(operations) != 1 and not (operations and name is not None):
        message = "The document has several operations: name one." if operations else "There is no such operation."
        raise request_error(message, OPERATION_RESOLUTION_FAILURE)
    return operations[0]


def _root_fields(context: Any, document: DocumentNode) -> list[str]:  # noqa: ANN401  # Strawberry's, with our schema
    """The root fields that will run, by their names in the schema; each alias counts, what is skipped does not."""
    schema = context.schema._schema  # noqa: SLF001  # no public way
    operation = _operation(document, context._provided_operation_name)  # noqa: SLF001  # no public way
    root = schema.get_root_type(operation.operation)
    values = get_variable_values(schema, operation.variable_definitions or (), context.variables or {})
    if root is None or isinstance(values, list):
        # The executor will say what is wrong with the variables, and run nothing.
        return []
    fragments = {
        node.name.value: FragmentDetails(node)
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    collected = collect_fields(schema, fragments, values, root, operation).grouped_field_set
    return [details[0].node.name.value for details in collected.values()]


def schema_extensions(*, introspection: bool) -> Sequence[Any]:
    """The extensions that the schema is built with, each a factory that makes one for each request.

    The rules are made here, once: the cache of validations goes by their identity.
    """
    extensions: list[Any] = [Admission]
    if not introspection:
        rules: list[type[ASTValidationRule]] = [NoSchemaIntrospectionCustomRule]
        extensions.append(lambda: AddValidationRules(rules))
    extensions.append(lambda: ValidationCache(DOCUMENTS_REMEMBERED))
    return extensions
