"""Introspection: what the GraphQL specification of September 2025 has (§3.13 and §4.2), and nothing of a draft."""

from typing import Any

from graphql import get_introspection_query, graphql_sync

from tests.support.schema_elements import served_schema

LISTS_DEPRECATED = "(includeDeprecated: Boolean! = false)"
DEPRECATION = {"isDeprecated": "Boolean!", "deprecationReason": "String"}
TYPES = {
    "__Schema": {
        "description": "String",
        "types": "[__Type!]!",
        "queryType": "__Type!",
        "mutationType": "__Type",
        "subscriptionType": "__Type",
        "directives": "[__Directive!]!",
    },
    "__Type": {
        "kind": "__TypeKind!",
        "name": "String",
        "description": "String",
        "specifiedByURL": "String",
        f"fields{LISTS_DEPRECATED}": "[__Field!]",
        "interfaces": "[__Type!]",
        "possibleTypes": "[__Type!]",
        f"enumValues{LISTS_DEPRECATED}": "[__EnumValue!]",
        f"inputFields{LISTS_DEPRECATED}": "[__InputValue!]",
        "ofType": "__Type",
        "isOneOf": "Boolean",
    },
    "__Field": {
        "name": "String!",
        "description": "String",
        f"args{LISTS_DEPRECATED}": "[__InputValue!]!",
        "type": "__Type!",
        **DEPRECATION,
    },
    "__InputValue": {
        "name": "String!",
        "description": "String",
        "type": "__Type!",
        "defaultValue": "String",
        **DEPRECATION,
    },
    "__EnumValue": {"name": "String!", "description": "String", **DEPRECATION},
    "__Directive": {
        "name": "String!",
        "description": "String",
        "isRepeatable": "Boolean!",
        "locations": "[__DirectiveLocation!]!",
        f"args{LISTS_DEPRECATED}": "[__InputValue!]!",
    },
}
ENUMS = {
    "__TypeKind": "SCALAR OBJECT INTERFACE UNION ENUM INPUT_OBJECT LIST NON_NULL",
    "__DirectiveLocation": (
        "QUERY MUTATION SUBSCRIPTION FIELD FRAGMENT_DEFINITION FRAGMENT_SPREAD INLINE_FRAGMENT VARIABLE_DEFINITION "
        "SCHEMA SCALAR OBJECT FIELD_DEFINITION ARGUMENT_DEFINITION INTERFACE UNION ENUM ENUM_VALUE INPUT_OBJECT "
        "INPUT_FIELD_DEFINITION"
    ),
}
ON_SELECTIONS = "FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT"
DIRECTIVES = {
    "skip(if: Boolean!)": ON_SELECTIONS,
    "include(if: Boolean!)": ON_SELECTIONS,
    'deprecated(reason: String! = "No longer supported")': (
        "FIELD_DEFINITION | ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION | ENUM_VALUE"
    ),
    "specifiedBy(url: String!)": "SCALAR",
    "oneOf": "INPUT_OBJECT",
}


def introspect(document: str) -> dict[str, Any]:
    """Return the result of an introspection query."""
    result = graphql_sync(served_schema(), document)
    assert result.errors is None
    assert result.data is not None
    return result.data


def served() -> dict[str, Any]:
    """Return all that the options of the specification ask for."""
    query = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
        one_of=True,
    )
    schema: dict[str, Any] = introspect(query)["__schema"]
    return schema


def text_of(reference: dict[str, Any]) -> str:
    """Return a type as SDL writes it."""
    if reference["kind"] == "NON_NULL":
        return f"{text_of(reference['ofType'])}!"
    if reference["kind"] == "LIST":
        return f"[{text_of(reference['ofType'])}]"
    return str(reference["name"])


def signature(element: dict[str, Any]) -> str:
    """Return the name of a field or directive with its arguments, as SDL writes them."""
    arguments = [
        f"{each['name']}: {text_of(each['type'])}" + (f" = {each['defaultValue']}" if each["defaultValue"] else "")
        for each in element["args"]
    ]
    return f"{element['name']}({', '.join(arguments)})" if arguments else str(element["name"])


def test_introspection_types_are_those_of_the_specification() -> None:
    """A part of a draft would stop tools that were released before it."""
    types = {each["name"]: each for each in served()["types"] if each["name"].startswith("__")}
    fields = {
        name: {signature(field): text_of(field["type"]) for field in each["fields"]}
        for name, each in types.items()
        if each["fields"]
    }
    values = {
        name: " ".join(value["name"] for value in each["enumValues"])
        for name, each in types.items()
        if each["enumValues"]
    }

    assert fields == TYPES
    assert values == ENUMS


def test_directives_are_those_of_the_specification() -> None:
    """None is repeatable, and none is of the product."""
    directives = served()["directives"]

    assert {signature(each): " | ".join(each["locations"]) for each in directives} == DIRECTIVES
    assert not any(each["isRepeatable"] for each in directives)


def test_only_input_objects_say_whether_they_are_one_of() -> None:
    """It is null for all other types, also for lists and for types that cannot be null."""
    kinds: dict[str, set[bool | None]] = {}
    for each in introspect("{ __schema { types { name kind isOneOf } } }")["__schema"]["types"]:
        kinds.setdefault(each["kind"], set()).add(each["isOneOf"])
    wrapped = introspect('{ __type(name: "User") { fields { type { kind isOneOf } } } }')["__type"]["fields"]

    assert kinds.pop("INPUT_OBJECT") == {True, False}
    assert set.union(*kinds.values()) == {None}
    assert {(each["type"]["kind"], each["type"]["isOneOf"]) for each in wrapped} >= {("NON_NULL", None)}
    assert introspect('{ __type(name: "SecondFactorInput") { isOneOf } }') == {"__type": {"isOneOf": True}}


def test_a_tool_that_asks_for_a_draft_gets_an_answer() -> None:
    """Nothing is deprecated, so it learns nothing else."""
    query = get_introspection_query(experimental_directive_deprecation=True)

    directives = introspect(query)["__schema"]["directives"]

    assert {each["isDeprecated"] for each in directives} == {False}
