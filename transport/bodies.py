"""Reading a request strictly: a bounded body in bounded time, and JSON that can mean one thing only (RFC 8259)."""

import asyncio
import json
import math
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

from starlette.datastructures import Headers, QueryParams
from starlette.requests import ClientDisconnect, Request

from transport.negotiation import JSON
from transport.refusals import RequestRefusedError

# The longest document of the largest client has a few kilobytes; no argument has more than one.
MAX_BODY_BYTES = 65_536
# Time enough for that much over a bad mobile connection.
BODY_TIMEOUT_S = 10.0
# The arguments of the API nest two deep.
MAX_JSON_DEPTH = 32

CHARSET = re.compile(r'charset="?utf-?8"?', re.ASCII)


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a GraphQL request says (GraphQL over HTTP §5.1)."""

    query: str = field(repr=False)
    variables: dict[str, Any] | None = field(repr=False)
    operation_name: str | None


def require_json_content(headers: Headers) -> None:
    """Let through JSON in UTF-8 and as it is. No HTML form can send that, and no script without asking first.

    Raises:
        RequestRefusedError: 415, it is something else.
    """
    content_types = headers.getlist("content-type")
    media_type, *parameters = (part.strip().lower() for part in (content_types or [""])[0].split(";"))
    is_utf8 = all(CHARSET.fullmatch(parameter) for parameter in parameters if parameter.startswith("charset"))
    if len(content_types) != 1 or media_type != JSON or not is_utf8:
        raise RequestRefusedError(415, "Send application/json in UTF-8.", headers={"Accept-Post": JSON})
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        # A small compressed body can be a large one.
        raise RequestRefusedError(415, "Send the body uncompressed.", headers={"Accept-Encoding": "identity"})


async def read_body(request: Request, timeout_s: float = BODY_TIMEOUT_S) -> bytes:
    """The body, if it is small and comes soon.

    Raises:
        RequestRefusedError: 413, it is too large; 408, it took too long.
    """
    # The rest of what is refused would be read as the next request, or for ever.
    hang_up = {"Connection": "close"}
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared[:20]) > MAX_BODY_BYTES:
        raise RequestRefusedError(413, f"Send at most {MAX_BODY_BYTES} bytes.", headers=hang_up)
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise RequestRefusedError(413, f"Send at most {MAX_BODY_BYTES} bytes.", headers=hang_up)
    except TimeoutError:
        raise RequestRefusedError(408, "The body took too long.", headers=hang_up) from None
    except ClientDisconnect:
        raise RequestRefusedError(400, "The body ended early.", headers=hang_up) from None
    return bytes(body)


def strict_json(text: bytes | str) -> Any:  # noqa: ANN401  # JSON can be anything
    """What the JSON says.

    Raises:
        RequestRefusedError: 400, it is malformed, ambiguous, not a number where one should be, or nested too deeply.
    """
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(
            decoded, object_pairs_hook=_without_duplicates, parse_constant=_no_constant, parse_float=_finite
        )
    except (ValueError, RecursionError):
        # Without the cause, whose words repeat the body.
        raise RequestRefusedError(400, "The body is not strict JSON.") from None
    _require_shallow(value)
    return value


def parameters_of(request: object) -> Parameters:
    """The parameters of a request in JSON.

    Raises:
        RequestRefusedError: 400, it is no such request.
    """
    if isinstance(request, list):
        raise RequestRefusedError(400, "Send one request at a time.")
    if not isinstance(request, dict):
        raise RequestRefusedError(400, "The body must be a JSON object.")
    query = request.get("query")
    if not isinstance(query, str) or not query:
        raise RequestRefusedError(400, "`query` must be a string, and not empty.")
    variables = request.get("variables")
    if not isinstance(variables, dict | None):
        raise RequestRefusedError(400, "`variables` must be an object or null.")
    operation_name = request.get("operationName")
    if not isinstance(operation_name, str | None):
        raise RequestRefusedError(400, "`operationName` must be a string or null.")
    if not isinstance(request.get("extensions"), dict | None):
        raise RequestRefusedError(400, "`extensions` must be an object or null.")
    return Parameters(query, variables, operation_name)


def parameters_of_url(params: QueryParams) -> Parameters:
    """The parameters of a request by GET.

    Raises:
        RequestRefusedError: 400, it is no such request.
    """
    if len(set(params.keys())) != len(params.multi_items()):
        raise RequestRefusedError(400, "Give each parameter once.")
    request: dict[str, Any] = dict(params)
    for name in ("variables", "extensions"):
        if name in request:
            request[name] = strict_json(request[name]) if request[name] else None
    return parameters_of(request | {"operationName": request.get("operationName") or None})


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # RFC 8259 §4: which of two equal names counts is anybody's guess, so a filter before us may have read the other.
    unique = dict(pairs)
    if len(unique) != len(pairs):
        message = "a name stands twice in one object"
        raise ValueError(message)
    return unique


def _no_constant(_name: str) -> NoReturn:
    message = "NaN and Infinity are no JSON"
    raise ValueError(message)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        message = "a number is too large"
        raise ValueError(message)
    return number


def _require_shallow(value: object) -> None:
    level: list[object] = [value]
    for _ in range(MAX_JSON_DEPTH):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return
    raise RequestRefusedError(400, f"JSON may nest at most {MAX_JSON_DEPTH} deep.")
