"""DateTime: one spelling out, RFC 3339 in."""

import re
from datetime import UTC, datetime

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

# RFC 3339 §5.6. Without an offset a text names no instant, so it is refused rather than guessed at.
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})", re.IGNORECASE
)


def serialize(instant: datetime) -> str:
    """Write an instant in UTC, to the second: the form that every client's standard library reads."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(value: object) -> datetime:
    """Read an instant.

    Raises:
        GraphQLError: It is no RFC 3339 text with an offset, or names no instant of the calendar. The message does not
            repeat it: what was sent may be a secret in the wrong place.
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
        "An instant. Answers always give it in UTC, to the second and with a `Z`: `2026-11-24T13:05:00Z`. Arguments "
        "may carry another offset and a fraction of a second (RFC 3339), but never leave the offset out."
    ),
    specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
    serialize=serialize,
    parse_value=parse,
)

SCALARS: dict[object, ScalarDefinition] = {datetime: DATE_TIME}
