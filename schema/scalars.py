"""The scalar DateTime: RFC 3339 in, one spelling out."""

import re
from datetime import UTC, datetime

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

# RFC 3339 §5.6. A text without an offset does not say which instant it means, so it is rejected.
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})", re.IGNORECASE
)


def serialize(instant: datetime) -> str:
    """Format an instant in UTC, to the second. The standard library of every client can parse this form."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(value: object) -> datetime:
    """Parse an instant.

    Raises:
        GraphQLError: The value is not an RFC 3339 text with an offset, or the date does not exist. The message does
            not repeat the value, because the client may have sent a secret by mistake.
    """
    if isinstance(value, str) and _RFC_3339.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    message = "A DateTime is an RFC 3339 text with an offset, such as 2026-11-24T13:05:00Z."
    raise GraphQLError(message)


DATE_TIME: ScalarDefinition = strawberry.scalar(
    name="DateTime",
    description=(
        "An instant. The server always returns it in UTC, to the second, with a `Z`: `2026-11-24T13:05:00Z`. "
        "Arguments may have another offset and a fraction of a second (RFC 3339). The offset is required."
    ),
    specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
    serialize=serialize,
    parse_value=parse,
)

SCALARS: dict[object, ScalarDefinition] = {datetime: DATE_TIME}
