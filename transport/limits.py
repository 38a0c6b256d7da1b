"""Limits on the size of a document. The server measures it with expanded fragments, before it executes anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    TokenKind,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from schema.fields import declared
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
# The cost of an operation is the number of values in its response, plus the declared costs of fields that read the
# database. Lists multiply the cost of what they contain. A page of 100 events with user, actor and their company
# accounts costs less. `tests/security/test_dearest_operation.py` searches for the operation that takes most CPU time.
MAX_COST = 10_000


@dataclass(frozen=True, slots=True)
class FieldCost:
    """What a field costs beside the fields that it contains, and by how much it multiplies those."""

    own: int = 1
    # What each item of a page costs beside its fields.
    page_item: int = 0
    # The maximum length of a list, or None if the field is a list of a page.
    max_items: int | None = 1
    # The page size if `first` is missing, or None if the field has no pages.
    default_page_size: int | None = None
    # The type that the field returns, without lists and nullability.
    type_name: str = ""


# The cost of each field, by the names of its type and of the field.
FieldCosts: TypeAlias = Mapping[tuple[str, str], FieldCost]


def field_costs(schema: GraphQLSchema) -> FieldCosts:
    """Read the costs that are declared on the fields of a schema.

    `metadata={"cost": …}` declares the cost of a field, and `metadata={"max_items": …}` the length of a list without
    pages. A field with an argument `first` returns a page, whose lists have that length. `metadata={"item_cost": …}`
    declares the cost of each item of a page.
    """
    return {
        (graphql_type.name, name): _declared_cost(field)
        for graphql_type in schema.type_map.values()
        if isinstance(graphql_type, GraphQLObjectType | GraphQLInterfaceType)
        for name, field in graphql_type.fields.items()
    }


def _declared_cost(field: GraphQLField) -> FieldCost:
    facts = declared(field)
    return FieldCost(
        own=facts.get("cost", 1),
        page_item=facts.get("item_cost", 0),
        max_items=facts.get("max_items", None if is_list_type(get_nullable_type(field.type)) else 1),
        default_page_size=field.args["first"].default_value if "first" in field.args else None,
        type_name=get_named_type(field.type).name,
    )


def attempt_fields(schema: GraphQLSchema) -> frozenset[str]:
    """Return the mutations that declare that they use an attempt."""
    fields = schema.mutation_type.fields if schema.mutation_type else {}
    return frozenset(name for name, field in fields.items() if declared(field).get("uses_attempt"))


# The validation reports a field that does not exist.
UNKNOWN_FIELD = FieldCost()


@dataclass(slots=True)
class Size:
    """The size of a selection set with expanded fragments."""

    fields: int = 0
    root_fields: int = 0
    aliases: int = 0
    directives: int = 0
    depth: int = 0
    cost: int = 0

    def add(self, part: "Size") -> None:
        """Add the size of another part on the same level."""
        self.fields += part.fields
        self.root_fields += part.root_fields
        self.aliases += part.aliases
        self.directives += part.directives
        self.cost += part.cost
        self.depth = max(self.depth, part.depth)


class _DocumentMeasurer:
    """Measures a document. It measures each fragment once for each page size, however often the fragment is spread."""

    def __init__(self, document: DocumentNode, costs: FieldCosts) -> None:
        self._costs = costs
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._sizes: dict[tuple[str, int], Size | None] = {}

    def measure(self, selections: SelectionSetNode, type_name: str, page_size: int = 1) -> Size:
        """Return the size of a selection set on a type. `page_size` is the length of its lists of a page.

        Raises:
            GraphQLError: A fragment spreads itself.
        """
        size = Size()
        for selection in selections.selections:
            size.directives += len(selection.directives or ())
            if isinstance(selection, FieldNode):
                size.add(self._measure_field(selection, type_name, page_size))
            elif isinstance(selection, FragmentSpreadNode):
                size.add(self._measure_fragment(selection.name.value, page_size))
            else:
                assert isinstance(selection, InlineFragmentNode)  # noqa: S101  # there is no other kind of selection
                condition = selection.type_condition
                size.add(
                    self.measure(selection.selection_set, condition.name.value if condition else type_name, page_size)
                )
        return size

    def _measure_field(self, field: FieldNode, type_name: str, page_size: int) -> Size:
        cost = self._costs.get((type_name, field.name.value), UNKNOWN_FIELD)
        pages = _page_size(field, cost.default_page_size) if cost.default_page_size else 1
        below = self.measure(field.selection_set, cost.type_name, pages) if field.selection_set else Size()
        items = page_size if cost.max_items is None else cost.max_items
        return Size(
            fields=1 + below.fields,
            root_fields=1,
            aliases=below.aliases + (field.alias is not None),
            directives=below.directives,
            depth=1 if field.name.value in {"__schema", "__type"} else 1 + below.depth,
            cost=cost.own + cost.page_item * pages + items * below.cost,
        )

    def _measure_fragment(self, name: str, page_size: int) -> Size:
        key = name, page_size
        if key not in self._sizes:
            # None marks a fragment that is being measured. If it is found below, the fragment spreads itself.
            self._sizes[key] = None
            fragment = self._fragments.get(name)
            # The validation reports a fragment that is not defined.
            self._sizes[key] = (
                self.measure(fragment.selection_set, fragment.type_condition.name.value, page_size)
                if fragment
                else Size()
            )
        size = self._sizes[key]
        if size is None:
            message = "A fragment spreads itself."
            german = "Ein Fragment enthält sich selbst."
            raise request_error(message, GRAPHQL_VALIDATION_FAILED, de=german)
        return size


def measure_operations(document: DocumentNode, schema: GraphQLSchema, costs: FieldCosts) -> list[int]:
    """Check the size of each operation, and return the cost of each of them in their order.

    Raises:
        GraphQLError: An operation, a name or a number exceeds a limit, or a fragment spreads itself.
    """
    _require_short_tokens(document)
    measurer = _DocumentMeasurer(document, costs)
    operation_costs = []
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            root = schema.get_root_type(definition.operation)
            size = measurer.measure(definition.selection_set, root.name if root else "")
            size.directives += len(definition.directives or ())
            _require_within_limits(size)
            operation_costs.append(size.cost)
    return operation_costs


def _require_short_tokens(document: DocumentNode) -> None:
    token = document.loc.start_token if document.loc else None
    while token is not None:
        if token.kind in SHORT_TOKENS and len(token.value or "") > MAX_TOKEN_LENGTH:
            message = f"A name or a number has more than {MAX_TOKEN_LENGTH} characters."
            german = f"Ein Name oder eine Zahl hat mehr als {MAX_TOKEN_LENGTH} Zeichen."
            raise request_error(message, GRAPHQL_VALIDATION_FAILED, de=german)
        token = token.next


def _page_size(field: FieldNode, default: int) -> int:
    """Return the maximum number of items of a page. For a variable, assume the maximum page size."""
    first = next((argument.value for argument in field.arguments or () if argument.name.value == "first"), None)
    if first is None:
        return default
    if isinstance(first, IntValueNode) and len(first.value) <= len(str(PAGE_MAX)):
        return min(max(int(first.value), 1), PAGE_MAX)
    return PAGE_MAX


def _require_within_limits(size: Size) -> None:
    for count, limit, name, german_name in (
        (size.fields, MAX_FIELDS, "fields", "Felder"),
        (size.root_fields, MAX_ROOT_FIELDS, "root fields", "Felder der obersten Ebene"),
        (size.aliases, MAX_ALIASES, "aliases", "Aliase"),
        (size.directives, MAX_DIRECTIVES, "directives", "Direktiven"),
        (size.depth, MAX_DEPTH, "levels", "Ebenen"),
    ):
        if count > limit:
            message = f"The operation has more than {limit} {name} when its fragments are expanded."
            german = f"Mit ihren Fragmenten hat die Operation mehr als {limit} {german_name}."
            raise request_error(message, GRAPHQL_VALIDATION_FAILED, de=german)
    if size.cost > MAX_COST:
        message = f"The operation costs {size.cost}, and the limit is {MAX_COST}. Select fewer fields or shorter pages."
        german = f"Die Operation kostet {size.cost}, die Grenze ist {MAX_COST}. Wählen Sie weniger Felder."
        raise request_error(message, GRAPHQL_VALIDATION_FAILED, de=german)
