"""Selections of all fields of a type, made from the served schema."""

from functools import cache

from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_required_argument,
)

from tests.support.schema_elements import mutation_fields, served_schema

# The user of an event of the user has events too.
LEVELS = 2


@cache
def _schema() -> GraphQLSchema:
    return served_schema()


@cache
def user_errors() -> frozenset[str]:
    """Return the names of the user errors."""
    interface = _schema().type_map["UserError"]
    assert isinstance(interface, GraphQLInterfaceType)
    return frozenset(each.name for each in _schema().get_possible_types(interface))


def everything(type_name: str, *, around: tuple[str, ...] = ()) -> str:
    """Return a selection of all fields of a type, with those of the objects that they return.

    `around` are the types of the objects around it. An object is within two others of its type at most.
    """
    graphql_type = _schema().type_map[type_name]
    if isinstance(graphql_type, GraphQLUnionType):
        members = (member.name for member in graphql_type.types if member.name not in user_errors())
        inline = " ".join(f"... on {name} {everything(name, around=around)}" for name in members)
        return f"{{ __typename {inline} ... on UserError {{ message }} }}"
    return f"{{ __typename {' '.join(fields_with_everything(type_name, around=around).values())} }}"


def fields_with_everything(type_name: str, *, around: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the selection of each field of a type, by the name of the field, as `everything` does."""
    graphql_type = _schema().type_map[type_name]
    assert isinstance(graphql_type, GraphQLObjectType | GraphQLInterfaceType)
    selections = {}
    for name, field in graphql_type.fields.items():
        named = get_named_type(field.type)
        arguments = "(first: 1)" if "first" in field.args else ""
        if is_leaf_type(named):
            selections[name] = name + arguments
        elif named.name == "UserConnection" and "User" in around:
            # Otherwise a user would have everything of the admins, who are users of the same company account.
            selections[name] = f"{name}{arguments} {{ __typename nodes {{ __typename id }} }}"
        elif name == "nodes":
            # The edges have everything of the same objects.
            selections[name] = "nodes { __typename id }"
        elif around.count(named.name) < LEVELS:
            selections[name] = f"{name}{arguments} {everything(named.name, around=(*around, type_name))}"
    return selections


@cache
def mutation_with_everything(name: str, member: str = "", around: tuple[str, ...] = ()) -> str:
    """Return a mutation that takes all its arguments as variables, and selects all fields of its result.

    If all members of the union have more fields than an operation may have, give the `member` to select, or types
    `around` it, as in `everything`.
    """
    field = mutation_fields()[name]
    declared = ", ".join(
        f"${argument}: {each.type if is_required_argument(each) else get_nullable_type(each.type)}"
        for argument, each in field.args.items()
    )
    selection = everything(get_named_type(field.type).name, around=around)
    if member:
        selection = f"{{ __typename ... on {member} {everything(member)} ... on UserError {{ message }} }}"
    given = ", ".join(f"{argument}: ${argument}" for argument in field.args)
    return f"mutation {f'({declared})' if declared else ''} {{ {name}{f'({given})' if given else ''} {selection} }}"
