"""Content negotiation: choose the media type and the language of a response (RFC 9110 §12.5)."""

import re
from collections.abc import Sequence

from babel.core import negotiate_locale
from starlette.datastructures import Headers

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"

# RFC 9110 §12.4.2.
WEIGHT = re.compile(r"q=(0(\.[0-9]{0,3})?|1(\.0{0,3})?)", re.ASCII)
# Later choices of a header are ignored.
MAX_CHOICES = 32


def list_header(headers: Headers, name: str) -> str:
    """Return the value of a header that is a list. It may come in several lines (RFC 9110 §5.3)."""
    return ", ".join(headers.getlist(name))


def parse_accept(header: str) -> list[tuple[str, float]]:
    """Return the choices of an `Accept…` header in lower case with their weights. A malformed weight counts as 0."""
    choices = []
    for part in header.split(",")[:MAX_CHOICES]:
        choice, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                match = WEIGHT.fullmatch(parameter)
                weight = float(match[1]) if match else 0.0
        if choice:
            choices.append((choice, weight))
    return choices


def choose_media_type(accept: str | None) -> str | None:
    """Return the media type of the response, or None if the client accepts neither.

    At equal weights, the newer type is chosen only if the client names it. A client that accepts anything gets plain
    JSON, as GraphQL over HTTP requires.
    """
    if accept is None or not accept.strip():
        return JSON
    choices = parse_accept(accept)
    graphql_weight, is_named = _weight_of(GRAPHQL_RESPONSE, choices)
    json_weight, _ = _weight_of(JSON, choices)
    if max(graphql_weight, json_weight) == 0:
        return None
    if graphql_weight == json_weight:
        return GRAPHQL_RESPONSE if is_named else JSON
    return GRAPHQL_RESPONSE if graphql_weight > json_weight else JSON


def _weight_of(media_type: str, choices: Sequence[tuple[str, float]]) -> tuple[float, bool]:
    """Return the weight of the most specific matching range (RFC 9110 §12.5.1), and if it is the type itself."""
    for media_range in (media_type, "application/*", "*/*"):
        weights = [weight for choice, weight in choices if choice == media_range]
        if weights:
            return max(weights), media_range == media_type
    return 0.0, False


def choose_language(accept_language: str | None, languages: Sequence[str]) -> str | None:
    """Return the language that the client prefers, or None if it asks for none of `languages`."""
    by_weight = sorted(parse_accept(accept_language or ""), key=lambda choice: -choice[1])
    preferred = [language for language, weight in by_weight if weight > 0 and language != "*"]
    return negotiate_locale(preferred, languages, sep="-")
