"""The members of a union, and the types of an interface, agree on the fields of one name."""

from collections import defaultdict

from graphql import GraphQLObjectType, GraphQLSchema, build_schema, is_abstract_type, is_introspection_type

from tests.support.schema_elements import served_schema

# The contract is older than the rule, and changes no nullability. The client may not have told the name of a device.
OLDER = {"Node.name"}


def disagreements(schema: GraphQLSchema) -> set[str]:
    """Return the fields that have several types or arguments in the possible types of one union or interface.

    A document that selects such a field of two members is invalid (GraphQL §5.3.2), unless it renames one of them.
    """
    found = set()
    for abstract in schema.type_map.values():
        if not is_abstract_type(abstract) or is_introspection_type(abstract):
            continue
        types = defaultdict(set)
        for member in schema.get_possible_types(abstract):
            assert isinstance(member, GraphQLObjectType)
            for name, field in member.fields.items():
                types[name].add(str(field.type))
        found |= {f"{abstract.name}.{name}" for name, of_members in types.items() if len(of_members) > 1}
    return found


def test_a_field_of_one_name_has_one_type_in_all_members() -> None:
    """So one document can select a field of several members by its name."""
    assert disagreements(served_schema()) == OLDER


def test_disagreements_are_found() -> None:
    """Another type, another nullability, and a list are found, in unions and in interfaces."""
    schema = build_schema("""
        type Query { either: Either, node: Node }
        union Either = A | B
        interface Node { id: ID! }
        type A implements Node { id: ID!, same: Int, other: Int, nullable: Int, list: Int, alone: Int }
        type B implements Node { id: ID!, same: Int, other: String, nullable: Int!, list: [Int] }
    """)

    names = ("list", "nullable", "other")
    assert disagreements(schema) == {f"{abstract}.{name}" for abstract in ("Either", "Node") for name in names}
