"""Read a request body within limits of size and time, and parse it as unambiguous JSON (RFC 8259)."""

import asyncio
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from starlette.datastructures import Headers, QueryParams
from starlette.requests import ClientDisconnect, Request

from transport.negotiation import JSON, list_header
from transport.request_errors import RequestError

# The longest document of the largest client has a few kilobytes. No argument is longer than one kilobyte.
MAX_BODY_BYTES = 65_536
# Long enough to send a body of the maximum size over a slow mobile connection.
BODY_TIMEOUT_S = 10.0
# The arguments of the API have two levels.
MAX_JSON_DEPTH = 32

# A client may send the hash of a document with or without it (GraphQL over HTTP, appendix on persisted documents).
ID_PREFIX = "sha256:"

CHARSET = re.compile(r'charset="?utf-?8"?', re.ASCII)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a GraphQL request (GraphQL over HTTP §5.1)."""

    query: str | None = field(repr=False)
    variables: dict[str, Any] | None = field(repr=False)
    operation_name: str | None
    extensions: dict[str, Any] | None = field(repr=False)
    # The id of a trusted document, without its prefix.
    document_id: str | None = None


def require_json_content(headers: Headers) -> None:
    """Require uncompressed JSON in UTF-8. HTML forms cannot send it, and scripts of other sites need a CORS preflight.

    Raises:
        RequestError: 415, the content type or the content encoding is different.
    """
    content_types = headers.getlist("content-type")
    media_type, *parameters = (part.strip().lower() for part in (content_types or [""])[0].split(";"))
    is_utf8 = all(CHARSET.fullmatch(parameter) for parameter in parameters if parameter.startswith("charset"))
    if len(content_types) != 1 or media_type != JSON or not is_utf8:
        raise RequestError(
            415,
            "Send application/json in UTF-8.",
            de="Senden Sie application/json in UTF-8.",
            headers={"Accept-Post": JSON},
        )
    encodings = {encoding.strip().lower() for encoding in list_header(headers, "content-encoding").split(",")}
    if not encodings <= {"", "identity"}:
        # A small compressed body can expand to a very large one.
        raise RequestError(
            415,
            "Send the body uncompressed.",
            de="Senden Sie den Inhalt unkomprimiert.",
            headers={"Accept-Encoding": "identity"},
        )


async def read_body(request: Request, timeout_s: float = BODY_TIMEOUT_S) -> bytes:
    """Read the body within the limits of size and time.

    Raises:
        RequestError: 413, it is too large; 408, it took too long; 400, the client disconnected.
    """
    # Without this header, the server would read the rest of a rejected body as the next request, or without end.
    close = {"Connection": "close"}
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared[:20]) > MAX_BODY_BYTES:
        raise RequestError(
            413,
            f"Send at most {MAX_BODY_BYTES} bytes.",
            de=f"Senden Sie höchstens {MAX_BODY_BYTES} Bytes.",
            headers=close,
        )
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise RequestError(
                        413,
                        f"Send at most {MAX_BODY_BYTES} bytes.",
                        de=f"Senden Sie höchstens {MAX_BODY_BYTES} Bytes.",
                        headers=close,
                    )
    except TimeoutError:
        raise RequestError(
            408, "The body took too long.", de="Die Übertragung des Inhalts hat zu lange gedauert.", headers=close
        ) from None
    except ClientDisconnect:
        raise RequestError(400, "The body is incomplete.", de="Der Inhalt ist unvollständig.", headers=close) from None
    return bytes(body)


def parse_strict_json(text: bytes | str) -> Any:  # noqa: ANN401  # JSON can be anything
    """Parse JSON that has one meaning only.

    Raises:
        RequestError: 400, the text is not JSON in UTF-8, contains duplicate names, `NaN`, `Infinity` or a number out of
            range, or is nested too deeply.
    """
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(
            decoded,
            object_pairs_hook=_reject_duplicate_names,
            parse_constant=_reject_constant,
            parse_float=_parse_finite_number,
        )
    except (ValueError, RecursionError):
        # Without the cause, because its message contains parts of the body.
        raise RequestError(400, "The body is not strict JSON.", de="Der Inhalt ist kein striktes JSON.") from None
    _require_max_depth(value)
    return value


def parse_parameters(request: object) -> Parameters:
    """Return the parameters of a request that was sent as JSON.

    Raises:
        RequestError: 400, it is not a single GraphQL request.
    """
    if isinstance(request, list):
        raise RequestError(400, "Send one request at a time.", de="Senden Sie eine Anfrage nach der anderen.")
    if not isinstance(request, dict):
        raise RequestError(400, "The body must be a JSON object.", de="Der Inhalt muss ein JSON-Objekt sein.")
    # An extension of the schema can provide a missing query, for example a persisted one.
    query = request.get("query")
    if not isinstance(query, str | None):
        raise RequestError(400, "`query` must be a string.", de="`query` muss ein Text sein.")
    variables = request.get("variables")
    if not isinstance(variables, dict | None):
        raise RequestError(
            400, "`variables` must be an object or null.", de="`variables` muss ein Objekt oder null sein."
        )
    operation_name = request.get("operationName")
    if not isinstance(operation_name, str | None):
        raise RequestError(
            400, "`operationName` must be a string or null.", de="`operationName` muss ein Text oder null sein."
        )
    extensions = request.get("extensions")
    if not isinstance(extensions, dict | None):
        raise RequestError(
            400, "`extensions` must be an object or null.", de="`extensions` muss ein Objekt oder null sein."
        )
    return Parameters(query, variables, operation_name, extensions, _document_id(request.get("documentId"), extensions))


def _document_id(document_id: object, extensions: Mapping[str, Any] | None) -> str | None:
    """Return the id of a trusted document: `documentId`, or the hash of the extension for persisted queries."""
    persisted = (extensions or {}).get("persistedQuery") or {"sha256Hash": None}
    document_hash = persisted.get("sha256Hash", "") if isinstance(persisted, dict) else ""
    if document_hash == "" or not isinstance(document_hash, str | None):
        raise RequestError(
            400,
            "`extensions.persistedQuery.sha256Hash` must be the hash of a document.",
            de="`extensions.persistedQuery.sha256Hash` muss der Hash eines Dokuments sein.",
        )
    if not isinstance(document_id, str | None):
        raise RequestError(
            400, "`documentId` must be a string or null.", de="`documentId` muss ein Text oder null sein."
        )
    ids = {each.removeprefix(ID_PREFIX) for each in (document_id, document_hash) if each}
    if len(ids) > 1:
        raise RequestError(
            400,
            "`documentId` and `extensions.persistedQuery.sha256Hash` name two documents.",
            de="`documentId` und `extensions.persistedQuery.sha256Hash` nennen zwei Dokumente.",
        )
    return ids.pop() if ids else None


def parse_url_parameters(params: QueryParams) -> Parameters:
    """Return the parameters of a GET request.

    Raises:
        RequestError: 400, it is not a GraphQL request.
    """
    if len(set(params.keys())) != len(params.multi_items()):
        raise RequestError(400, "Send each parameter once.", de="Senden Sie jeden Parameter einmal.")
    request: dict[str, Any] = dict(params)
    for name in ("variables", "extensions"):
        if name in request:
            request[name] = parse_strict_json(request[name]) if request[name] else None
    return parse_parameters(request | {"operationName": request.get("operationName") or None})


def _reject_duplicate_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # RFC 8259 §4: parsers disagree which of two equal names counts, so a filter in front of the server may read another
    # value.
    unique = dict(pairs)
    if len(unique) != len(pairs):
        message = "an object has a duplicate name"
        raise ValueError(message)
    return unique


def _reject_constant(_name: str) -> NoReturn:
    message = "NaN and Infinity are not JSON"
    raise ValueError(message)


def _parse_finite_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        message = "a number is too large"
        raise ValueError(message)
    return number


def _require_max_depth(value: object) -> None:
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
    raise RequestError(
        400, f"JSON may have at most {MAX_JSON_DEPTH} levels.", de=f"JSON darf höchstens {MAX_JSON_DEPTH} Ebenen haben."
    )
