"""Messages about invalid arguments and variables. They never contain a value, which may be a password."""

import re
from collections.abc import Sequence

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    GraphQLError,
    Node,
    ObjectFieldNode,
    VariableDefinitionNode,
    Visitor,
    print_ast,
    visit,
)

# graphql-core's message. The path has names of the schema and indexes of lists.
INVALID_VARIABLE = re.compile(
    r"Variable '\$\w+' has invalid (?:default )?value(?: at \.?(?P<path>[.\w\[\]]+))?: (?P<reason>.*)", re.DOTALL
)
# Names of the schema, and the name of a variable in the document. What follows can repeat a value.
INVALID_ARGUMENT = re.compile(
    r"Argument '(?P<argument>\w+)' has invalid value[.\w\[\] ]*: (Expected variable '\$(?P<variable>\w+)')?"
)
MISSING_FIELD = re.compile(r"Expected value of type '[^']+' to include required field '(?P<field>\w+)'")

# The text of graphql-core or Strawberry by which a reason is recognised, with its words in each language.
REASONS = (
    ("to be provided", {"en": "the value is missing", "de": "der Wert fehlt"}),
    ("not to be None", {"en": "null is not allowed", "de": "null ist nicht erlaubt"}),
    ("must be non-null", {"en": "null is not allowed", "de": "null ist nicht erlaubt"}),
    ("unknown field", {"en": "it has an unknown field", "de": "er hat ein unbekanntes Feld"}),
    ("exactly one key", {"en": "it must have exactly one field", "de": "er muss genau ein Feld haben"}),
)


def message_about_input(error: GraphQLError, language: str, *, with_details: bool) -> str:
    """Return the message of an error about a variable or an argument. Details are names of the schema."""
    is_german = language == "de"
    for node in error.nodes or []:
        if isinstance(node, VariableDefinitionNode):
            name, type_name = node.variable.name.value, print_ast(node.type)
            message = (
                f"Die Variable '${name}' ist kein gültiger Wert des Typs {type_name}"
                if is_german
                else f"Variable '${name}' is not a valid {type_name}"
            )
            return f"{message}{_details_of_variable(error.message, language) if with_details else ''}."
    found = INVALID_ARGUMENT.match(error.message) if with_details else None
    if found is None:
        return (
            "Ein Argument fehlt oder hat den falschen Typ."
            if is_german
            else "An argument is missing or has the wrong type."
        )
    argument, variable = found["argument"], found["variable"]
    message = (
        f"Das Argument '{argument}' fehlt oder hat den falschen Typ"
        if is_german
        else f"Argument '{argument}' is missing or has the wrong type"
    )
    if variable is None:
        return f"{message}."
    return f"{message}: siehe Variable '${variable}'." if is_german else f"{message}: see variable '${variable}'."


def _details_of_variable(text: str, language: str) -> str:
    found = INVALID_VARIABLE.match(text)
    path, reason = (found["path"] or "", found["reason"]) if found else ("", text)
    if missing := MISSING_FIELD.match(reason):
        path, reason = f"{path}.{missing['field']}".lstrip("."), "to be provided"
    place = f" {'bei' if language == 'de' else 'at'} '{path}'" if path else ""
    words = next((f": {words[language]}" for sign, words in REASONS if sign in reason), "")
    return place + words


def place_of_input(node: Node, document: DocumentNode) -> str | None:
    """Return the name of the argument or variable whose literal contains this node, for example `echo(number:)`."""
    visitor = _FindAncestors(node)
    visit(document, visitor)
    owner = argument = None
    path: list[str] = []
    for ancestor in visitor.found:
        if isinstance(ancestor, FieldNode | DirectiveNode):
            owner = ancestor
        elif isinstance(ancestor, ArgumentNode):
            argument = ancestor.name.value
        elif isinstance(ancestor, ObjectFieldNode):
            path.append(ancestor.name.value)
        elif isinstance(ancestor, VariableDefinitionNode):
            return ".".join([f"${ancestor.variable.name.value}", *path])
    if owner is None or argument is None:
        return None
    sign = "@" if isinstance(owner, DirectiveNode) else ""
    return ".".join([f"{sign}{owner.name.value}({argument}:)", *path])


class _FindAncestors(Visitor):
    """Finds the ancestors of a node, and the node itself."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._node = node
        self.found: Sequence[Node] = ()

    def enter(self, node: Node, _key: object, parent: object, _path: object, ancestors: Sequence[object]) -> object:
        """Look at a node."""
        if node is self._node:
            # The ancestors end before the parent.
            self.found = [each for each in (*ancestors, parent, node) if isinstance(each, Node)]
            return self.BREAK
        return None
