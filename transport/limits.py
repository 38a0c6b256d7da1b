"""How large a document may be: it is counted with its fragments written out, before anything of it is executed."""

from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from transport.codes import GRAPHQL_VALIDATION_FAILED, request_error
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


def require_small(document: DocumentNode) -> None:
    """Let a small document through.

    Raises:
        GraphQLError: An operation of it is too large, or a fragment spreads itself.
    """
    measure = _Measure(document)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            size = measure.of(definition.selection_set)
            size.directives += len(definition.directives or ())
            _require_within_limits(size)


def _page_size(field: FieldNode) -> int:
    """How many items a field can give at most; a variable may be anything that is let through."""
    first = next((argument.value for argument in field.arguments or () if argument.name.value == "first"), None)
    if first is None:
        return PAGE_DEFAULT
    if isinstance(first, IntValueNode) and len(first.value) <= len(str(PAGE_MAX)):
        return min(max(int(first.value), 1), PAGE_MAX)
    return PAGE_MAX


def _require_within_limits(size: Size) -> None:
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
