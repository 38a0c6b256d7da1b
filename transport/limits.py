"""Limits on the size of a document. The server measures it with expanded fragments, before it executes anything."""

from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    TokenKind,
)

from security.constants import PAGE_MAX
from transport.error_codes import GRAPHQL_VALIDATION_FAILED, request_error

# The largest document that a client needs is the introspection query of GraphiQL: about 400 tokens and 300 fields.
MAX_TOKENS = 1000
# Error messages repeat names, for example that of the operation, and Python does not convert numbers of more than 4,300
# digits. No name of the schema is longer than 40 characters.
MAX_TOKEN_LENGTH = 100
SHORT_TOKENS = frozenset({TokenKind.NAME, TokenKind.INT, TokenKind.FLOAT})
MAX_FIELDS = 500
# A page of users, each with the company account and a page of audit events, has a depth of 8. Fields below `__schema`
# and `__type` do not count: they are deeper, and cost nothing.
MAX_DEPTH = 12
MAX_ALIASES = 20
MAX_ROOT_FIELDS = 10
MAX_DIRECTIVES = 20
# The number of items that all pages of an operation can contain together. Nested lists multiply: 100 users with 100
# audit events each are 10,100 items. With one more level, a small document could request a million.
MAX_ITEMS = 10_500

# The fields that return a page, and the page size if `first` is missing.
PAGED_FIELDS = frozenset({"users", "securityEvents"})
PAGE_DEFAULT = 25


@dataclass(slots=True)
class Size:
    """The size of a selection set with expanded fragments."""

    fields: int = 0
    root_fields: int = 0
    aliases: int = 0
    directives: int = 0
    depth: int = 0
    items: int = 0

    def add(self, part: "Size") -> None:
        """Add the size of another part on the same level."""
        self.fields += part.fields
        self.root_fields += part.root_fields
        self.aliases += part.aliases
        self.directives += part.directives
        self.items += part.items
        self.depth = max(self.depth, part.depth)


class _DocumentMeasurer:
    """Measures a document. It measures each fragment once, even if the fragment is spread many times."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._sizes: dict[str, Size | None] = {}

    def measure(self, selections: SelectionSetNode) -> Size:
        """Return the size of a selection set.

        Raises:
            GraphQLError: A fragment spreads itself.
        """
        size = Size()
        for selection in selections.selections:
            size.directives += len(selection.directives or ())
            if isinstance(selection, FieldNode):
                size.add(self._measure_field(selection))
            elif isinstance(selection, FragmentSpreadNode):
                size.add(self._measure_fragment(selection.name.value))
            else:
                size.add(self.measure(selection.selection_set))  # type: ignore[attr-defined]  # an inline fragment
        return size

    def _measure_field(self, field: FieldNode) -> Size:
        below = self.measure(field.selection_set) if field.selection_set else Size()
        return Size(
            fields=1 + below.fields,
            root_fields=1,
            aliases=below.aliases + (field.alias is not None),
            directives=below.directives,
            depth=1 if field.name.value in {"__schema", "__type"} else 1 + below.depth,
            items=_page_size(field) * (1 + below.items) if field.name.value in PAGED_FIELDS else below.items,
        )

    def _measure_fragment(self, name: str) -> Size:
        if name not in self._sizes:
            # None marks a fragment that is being measured. If it is found below, the fragment spreads itself.
            self._sizes[name] = None
            fragment = self._fragments.get(name)
            # The validation reports a fragment that is not defined.
            self._sizes[name] = self.measure(fragment.selection_set) if fragment else Size()
        size = self._sizes[name]
        if size is None:
            message = "A fragment spreads itself."
            raise request_error(message, GRAPHQL_VALIDATION_FAILED)
        return size


def require_document_within_limits(document: DocumentNode) -> None:
    """Check the size of each operation.

    Raises:
        GraphQLError: An operation, a name or a number exceeds a limit, or a fragment spreads itself.
    """
    _require_short_tokens(document)
    measurer = _DocumentMeasurer(document)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            size = measurer.measure(definition.selection_set)
            size.directives += len(definition.directives or ())
            _require_within_limits(size)


def _require_short_tokens(document: DocumentNode) -> None:
    token = document.loc.start_token if document.loc else None
    while token is not None:
        if token.kind in SHORT_TOKENS and len(token.value or "") > MAX_TOKEN_LENGTH:
            message = f"A name or a number has more than {MAX_TOKEN_LENGTH} characters."
            raise request_error(message, GRAPHQL_VALIDATION_FAILED)
        token = token.next


def _page_size(field: FieldNode) -> int:
    """Return the maximum number of items that a field can return. For a variable, assume the maximum page size."""
    first = next((argument.value for argument in field.arguments or () if argument.name.value == "first"), None)
    if first is None:
        return PAGE_DEFAULT
    if isinstance(first, IntValueNode) and len(first.value) <= len(str(PAGE_MAX)):
        return min(max(int(first.value), 1), PAGE_MAX)
    return PAGE_MAX


def _require_within_limits(size: Size) -> None:
    for count, limit, name in (
        (size.fields, MAX_FIELDS, "fields"),
        (size.root_fields, MAX_ROOT_FIELDS, "root fields"),
        (size.aliases, MAX_ALIASES, "aliases"),
        (size.directives, MAX_DIRECTIVES, "directives"),
        (size.depth, MAX_DEPTH, "levels"),
        (size.items, MAX_ITEMS, "list items"),
    ):
        if count > limit:
            message = f"The operation has more than {limit} {name} when its fragments are expanded."
            raise request_error(message, GRAPHQL_VALIDATION_FAILED)
