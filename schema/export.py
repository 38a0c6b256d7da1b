"""Export the contract as files: `schema.graphql`, and two files for clients with a normalising cache."""

import json
from collections.abc import Iterator
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_list_type,
    print_schema,
)
from strawberry import Schema

from schema.root import create_schema

# Types with one object for the viewer, which several fields return: the flags of the viewer's company account.
SINGLETONS = frozenset({"FeatureFlags"})


def export_sdl() -> str:
    """Return the served schema in SDL with all descriptions and a newline at the end."""
    schema = _served_schema()
    for graphql_type in schema.type_map.values():
        # Strawberry 0.341 handles `@oneOf` itself and does not set the attribute that graphql-core prints.
        if isinstance(graphql_type, GraphQLInputObjectType):
            graphql_type.is_one_of = graphql_type.extensions["strawberry-definition"].is_one_of
    # Do not use Strawberry's own printer: it omits the description of the schema.
    return print_schema(schema) + "\n"


def export_possible_types() -> str:
    """Return the possible types of each interface and union as JSON for Apollo's `InMemoryCache`.

    The text ends with a newline.
    """
    schema = _served_schema()
    possible = {
        name: sorted(member.name for member in schema.get_possible_types(graphql_type))
        for name, graphql_type in sorted(schema.type_map.items())
        if is_abstract_type(graphql_type)
    }
    return json.dumps(possible, indent=2) + "\n"


def export_cache_policies() -> str:
    """Return what a cache has to know about the objects of queries as JSON, with a newline at the end.

    `typePolicies` is for Apollo's `InMemoryCache`, `keys` for urql's `cacheExchange`.
    """
    types = sorted(_types_of_queries(_served_schema()), key=lambda graphql_type: graphql_type.name)
    single = {get_named_type(field.type) for each in types for field in each.fields.values() if not _is_list(field)}
    policies = {each.name: _type_policy(each, is_single=each in single) for each in types}
    keys = {each.name: _constant_key(each.name) for each in types if _needs_key(each)}
    exported = {"typePolicies": {name: policy for name, policy in policies.items() if policy}, "keys": keys}
    return json.dumps(exported, indent=2) + "\n"


def _served_schema() -> GraphQLSchema:
    return create_schema(Schema)._schema  # noqa: SLF001  # there is no public access


def _types_of_queries(schema: GraphQLSchema) -> set[GraphQLObjectType]:
    """Return the object types that a query can select. Caches do not keep the results of mutations."""

    def below(graphql_type: object) -> Iterator[GraphQLObjectType]:
        if is_abstract_type(graphql_type):
            yield from schema.get_possible_types(graphql_type)
        elif isinstance(graphql_type, GraphQLObjectType):
            yield graphql_type

    found: set[GraphQLObjectType] = set()
    new = set(below(schema.query_type))
    while new:
        found |= new
        fields = (field for each in new for field in each.fields.values())
        new = {each for field in fields for each in below(get_named_type(field.type))} - found
    return found


def _is_list(field: GraphQLField) -> bool:
    return is_list_type(get_nullable_type(field.type))


def _needs_key(graphql_type: GraphQLObjectType) -> bool:
    return "id" not in graphql_type.fields and graphql_type.name != "Query"


def _type_policy(graphql_type: GraphQLObjectType, *, is_single: bool) -> dict[str, Any]:
    """Return the policy of a type: two selections of an object are merged, and a newer list replaces an older one."""
    policy: dict[str, Any] = {}
    if graphql_type.name in SINGLETONS:
        policy["keyFields"] = []
    elif _needs_key(graphql_type) and is_single:
        policy["merge"] = True
    lists = {
        name: {"merge": False}
        for name, field in graphql_type.fields.items()
        if _is_list(field) and isinstance(get_named_type(field.type), GraphQLObjectType)
    }
    return policy | ({"fields": lists} if lists else {})


def _constant_key(name: str) -> str | None:
    """Return the key of the only object of a type. Null embeds the objects of a type in the objects around them."""
    return "viewer" if name in SINGLETONS else None
