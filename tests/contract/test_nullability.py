"""The fields that cannot be null. Their error would null the object around them, and in the end the whole answer."""

from graphql import GraphQLField, GraphQLObjectType, is_introspection_type, is_non_null_type

from tests.support.schema_elements import served_schema

# The fields that compute their value and cannot be null. They are from before the rule, or cannot fail.
#
# Every field that is added is nullable, unless it can always be answered: from what the mutation or the query has read
# already, for every viewer who can reach it, also before 2FA is set up, and after the session has ended.
NEVER_NULL = {
    # From the id of the object.
    "Authenticator.id",
    "Company.id",
    "KnownDevice.id",
    "SecurityEvent.id",
    "Session.id",
    "User.id",
    "AuthenticatorRemoved.authenticatorId",
    "DeviceForgotten.deviceId",
    "SessionRevoked.sessionId",
    # From the loaded user. The viewer's own are always readable, and other users are in nullable fields, or visible to
    # the admin who changed them.
    "User.createdAt",
    "User.locale",
    "User.twoFactor",
    "TwoFactor.enforced",
    "TwoFactor.setupRequired",
    "TwoFactor.state",
    # From the database. After a mutation, the current session is in place of a list that cannot be read.
    "User.sessions",
    # From the database, below a nullable field.
    "UserConnection.totalCount",
    # Rendered, after the mutation has checked the scale.
    "TwoFactorActivation.qrCode",
    "QrCode.pngDataUri",
    "QrCode.svg",
    "QrCode.svgDataUri",
}


def test_every_field_that_is_added_is_nullable_unless_it_can_always_be_answered() -> None:
    """A field without a resolver is an attribute of an object that is there already."""
    computed = {
        f"{each.name}.{name}"
        for each in served_schema().type_map.values()
        if isinstance(each, GraphQLObjectType) and not is_introspection_type(each)
        for name, field in each.fields.items()
        if is_non_null_type(field.type) and has_resolver(field)
    }

    assert computed == NEVER_NULL


def test_root_fields_are_nullable() -> None:
    """So an error of one field leaves the answers to the others."""
    schema = served_schema()

    for root in (schema.query_type, schema.mutation_type):
        assert root is not None
        assert [name for name, field in root.fields.items() if is_non_null_type(field.type)] == []


def has_resolver(field: GraphQLField) -> bool:
    """Return whether a function computes the field."""
    return field.extensions["strawberry-definition"].base_resolver is not None
