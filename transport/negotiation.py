"""Choosing what a client likes best: the media type of the answer and its language (RFC 9110 §12.5)."""

import re
from collections.abc import Sequence

from babel.core import negotiate_locale

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"

# RFC 9110 §12.4.2.
WEIGHT = re.compile(r"q=(0(\.[0-9]{0,3})?|1(\.0{0,3})?)", re.ASCII)
# Nobody needs more; what follows is not looked at.
MOST_CHOICES = 32


def weighted(header: str) -> list[tuple[str, float]]:
    """The choices of an `Accept…` header in lower case, each with its weight; a malformed weight counts as 0."""
    choices = []
    for part in header.split(",")[:MOST_CHOICES]:
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
    """What to answer with; None where the client takes neither.

    The newer type is for those who name it; whoever takes anything gets plain JSON, as GraphQL over HTTP asks.
    """
    if accept is None or not accept.strip():
        return JSON
    choices = weighted(accept)
    graphql_weight, named = _weight_of(GRAPHQL_RESPONSE, choices)
    json_weight, _ = _weight_of(JSON, choices)
    if max(graphql_weight, json_weight) == 0:
        return None
    if graphql_weight == json_weight:
        return GRAPHQL_RESPONSE if named else JSON
    return GRAPHQL_RESPONSE if graphql_weight > json_weight else JSON


def _weight_of(media_type: str, choices: Sequence[tuple[str, float]]) -> tuple[float, bool]:
    """How much a type is liked, and whether by its own name: the most specific range decides (RFC 9110 §12.5.1)."""
    for media_range in (media_type, "application/*", "*/*"):
        weights = [weight for choice, weight in choices if choice == media_range]
        if weights:
            return max(weights), media_range == media_type
    return 0.0, False


def choose_language(accept_language: str | None, languages: Sequence[str]) -> str:
    """The best of our languages for a client; the first of them where none fits."""
    liked = sorted(weighted(accept_language or ""), key=lambda choice: -choice[1])
    preferred = [language for language, weight in liked if weight > 0 and language != "*"]
    return negotiate_locale(preferred, languages, sep="-") or languages[0]
