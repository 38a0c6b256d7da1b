"""GraphQL over HTTP: validate requests, execute operations and write responses.

The view accepts one JSON operation per POST. Strawberry's schema executes it. Strawberry's own view is not used: its
checks, limits and errors would all have to be replaced (docs/adr/0011-strawberry-execution.md).

Status codes and media types follow the draft that graphql-http audits. With `application/json`, every result has status
200. With `application/graphql-response+json`, a result has status 400 if nothing was executed. The draft of August 2026
requires 422 and 294 in some cases, but no client supports them yet.
"""

import asyncio
import json
from collections.abc import Collection
from typing import Any

import structlog
from graphql import FieldNode, GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from accounts.services import Client, Services
from resolvers.context import Context
from resolvers.qr_rendering import QrRenderer
from security.errors import OverloadedError
from transport import stranger_delay
from transport.bodies import (
    BODY_TIMEOUT_S,
    Parameters,
    parse_parameters,
    parse_strict_json,
    parse_url_parameters,
    read_body,
    require_json_content,
)
from transport.client_details import LANGUAGES, Networks, read_client
from transport.cookies import Cookies, device_tokens, sends_token, session_token
from transport.error_codes import (
    FORBIDDEN,
    INTERNAL_SERVER_ERROR,
    PERSISTED_QUERY_NOT_SUPPORTED,
    SERVICE_UNAVAILABLE,
    UNAUTHENTICATED,
    TopLevelCodes,
    error_code,
    serialise_error,
)
from transport.graphiql.page import QueryPage
from transport.negotiation import GRAPHQL_RESPONSE, JSON, choose_media_type, list_header
from transport.operations import LimitedSchema
from transport.origins import require_allowed_origin
from transport.request_errors import RequestError
from transport.stranger_delay import StrangerDelay
from transport.trusted_documents import NO_MANIFEST, NOT_SUPPORTED, TrustedDocuments

NOT_EXECUTED_STATUS = 400

# The operation types of each method. GET must not change anything (RFC 9110 §9.2.1). The validation rejects
# subscriptions, since the schema has none. Status 405 would name a method that does not help.
OPERATION_TYPES = {"GET": {OperationType.QUERY, OperationType.SUBSCRIPTION}, "POST": set(OperationType)}

# `extensions.session` of an answer, if the request has a session token that is not that of a live session.
SESSION_ENDED = {"session": "ENDED"}

# The type of the answer to an attempt that has to wait.
TOO_MANY_ATTEMPTS = "TooManyAttempts"

log = structlog.get_logger(__name__)


class GraphQLView:
    """Handles GraphQL requests: POST with JSON and, if `get_queries` is set, queries by GET."""

    def __init__(  # noqa: PLR0913  # most are settings, passed by name
        self,
        schema: LimitedSchema,
        services: Services,
        qr_renderer: QrRenderer,
        stranger_delay: StrangerDelay,
        *,
        top_level_codes: TopLevelCodes,
        allowed_origins: Collection[str] = (),
        trusted_proxies: Networks = (),
        https_only: bool = False,
        get_queries: bool = False,
        query_page: QueryPage | None = None,
        trusted_documents: TrustedDocuments = NO_MANIFEST,
        body_timeout_s: float = BODY_TIMEOUT_S,
    ) -> None:
        """Execute requests with `schema`. `top_level_codes` maps domain errors to codes of top-level errors."""
        self._schema = schema
        self._services = services
        self._qr_renderer = qr_renderer
        self._stranger_delay = stranger_delay
        self._top_level_codes = top_level_codes
        self._allowed_origins = frozenset(allowed_origins)
        self._trusted_proxies = trusted_proxies
        self._https_only = https_only
        self._get_queries = get_queries
        self._query_page = query_page
        self._trusted_documents = trusted_documents
        self._body_timeout_s = body_timeout_s
        self._methods = ("GET", "POST") if get_queries or query_page else ("POST",)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        request = Request(scope, receive)
        client = read_client(request, self._trusted_proxies)
        _add_to_log(ip_address=client.ip_address)
        try:
            response = await self._respond(request, client)
        except RequestError as error:
            _add_to_log(outcome=error.code)
            response = error.response(client.locale or LANGUAGES[0])
        await response(scope, receive, send)

    async def _respond(self, request: Request, client: Client) -> Response:
        if request.method not in self._methods:
            raise self._method_error(request)
        if self._query_page and _is_page_request(request):
            return self._query_page.response()
        if request.method == "GET" and not self._get_queries:
            raise self._method_error(request)
        require_allowed_origin(request.headers, self._allowed_origins, https_only=self._https_only)
        if request.method == "POST":
            require_json_content(request.headers)
        media_type = choose_media_type(list_header(request.headers, "accept"))
        if media_type is None:
            raise RequestError(
                406,
                f"Accept {GRAPHQL_RESPONSE} or {JSON}.",
                de=f"Akzeptieren Sie {GRAPHQL_RESPONSE} oder {JSON}.",
            )
        parameters, response = await self._read_parameters(request), Response()
        context = Context(
            services=self._services,
            qr_renderer=self._qr_renderer,
            client=client,
            cookies=Cookies(request, response),
            device_tokens=device_tokens(request),
            session_token=session_token(request),
            sent_token=sends_token(request),
        )
        result = await self._execute(request.method, parameters, context)
        body = self._body(result, context)
        codes = {error["extensions"]["code"] for error in body.get("errors", ())}
        _add_to_log(outcome=",".join(sorted(context.outcomes) + sorted(codes)) or "ok")
        return _write_body(body, response, media_type)

    def _method_error(self, request: Request) -> RequestError:
        if request.method != "GET":
            return _method_not_allowed(*self._methods)
        if _is_hash_alone(request) and self._trusted_documents.documents is None:
            # Apollo's link can send hashes by GET although the client sends texts by POST.
            return _method_not_allowed(
                "POST", message=NOT_SUPPORTED, de=NOT_SUPPORTED, code=PERSISTED_QUERY_NOT_SUPPORTED
            )
        return _method_not_allowed("POST")

    async def _read_parameters(self, request: Request) -> Parameters:
        if request.method == "GET":
            return parse_url_parameters(request.query_params)
        return parse_parameters(parse_strict_json(await read_body(request, self._body_timeout_s)))

    async def _execute(self, method: str, parameters: Parameters, context: Context) -> ExecutionResult:
        try:
            result = await self._run(method, parameters, context)
            for error in result.errors or ():
                if error.original_error is None:
                    # Its frames refer to the document and to this error. Large documents would stay in memory until a
                    # full garbage collection, which stops the event loop.
                    error.__traceback__ = None
            if _is_refused(result, context):
                # Otherwise a client that repeats its request at once would cost more than the operation.
                await asyncio.sleep(stranger_delay.random_delay_s())
        except InvalidOperationTypeError:
            raise _method_not_allowed("POST") from None
        except MissingQueryError:
            raise RequestError(400, "`query` must not be empty.", de="`query` darf nicht leer sein.") from None
        finally:
            _add_to_log(user_id=str(context.user_id) if context.user_id else None)
            if context.is_stranger:
                await self._stranger_delay.delay(context.client.ip_address)
        return result

    async def _run(self, method: str, parameters: Parameters, context: Context) -> ExecutionResult:
        try:
            query = self._trusted_documents.text_of(parameters)
        except GraphQLError as error:
            return PreExecutionError(data=None, errors=[error])
        return await self._schema.execute(
            query,
            parameters.variables,
            context,
            operation_name=parameters.operation_name,
            allowed_operation_types=OPERATION_TYPES[method],
            operation_extensions=parameters.extensions,
        )

    def _body(self, result: ExecutionResult, context: Context) -> dict[str, Any]:
        is_valid, language = not isinstance(result, PreExecutionError), context.client.locale or LANGUAGES[0]
        found = (*(result.errors or ()), *context.errors_beside_values)
        errors = [self._serialise(error, language, is_valid=is_valid) for error in found]
        # GraphQL §7.1: after a request error, `data` is absent. After a field error, `data` is present and may be null.
        was_executed = result.data is not None or any("path" in error for error in errors)
        body: dict[str, Any] = {"data": result.data} if was_executed else {}
        is_unauthenticated = any(error["extensions"]["code"] == UNAUTHENTICATED for error in errors)
        has_ended = context.session_has_ended or (context.sent_token and is_unauthenticated)
        extensions = {**(result.extensions or {}), **(SESSION_ENDED if has_ended else {})}
        return body | {name: value for name, value in (("errors", errors), ("extensions", extensions)) if value}

    def _serialise(self, error: GraphQLError, language: str, *, is_valid: bool) -> dict[str, Any]:
        code = error_code(error, self._top_level_codes, is_valid=is_valid)
        cause = error.original_error or error
        field = next((node.name.value for node in error.nodes or () if isinstance(node, FieldNode)), None)
        if code == INTERNAL_SERVER_ERROR:
            log.error("internal_error", field=field, exc_info=cause)
        if code == FORBIDDEN:
            # ASVS 16.3.2: log failed authorization.
            log.warning("forbidden", field=field)
        if code == SERVICE_UNAVAILABLE:
            log.warning(
                "service_unavailable",
                field=field,
                source=getattr(cause, "source", None),
                error=type(cause.__cause__ or cause).__name__,
            )
        return serialise_error(error, code, language, with_details=self._schema.introspection)


def _is_refused(result: ExecutionResult, context: Context) -> bool:
    """Return whether the server is overloaded, or an attempt of a stranger has to wait."""
    is_overloaded = any(isinstance(error.original_error, OverloadedError) for error in result.errors or ())
    answers = {outcome.rpartition("=")[2] for outcome in context.outcomes}
    return is_overloaded or (context.is_stranger and TOO_MANY_ATTEMPTS in answers)


def _add_to_log(**facts: str | None) -> None:
    """Add facts that are known to each later log line of the request."""
    structlog.contextvars.bind_contextvars(**{name: fact for name, fact in facts.items() if fact is not None})


def _write_body(body: dict[str, Any], response: Response, media_type: str) -> Response:
    """Write body, status and media type into the response, which already has its cookies."""
    response.status_code = NOT_EXECUTED_STATUS if "data" not in body and media_type == GRAPHQL_RESPONSE else 200
    # Use ASCII: the body may repeat text of the client that UTF-8 cannot encode, such as lone surrogates.
    response.body = json.dumps(body, separators=(",", ":"), allow_nan=False).encode("ascii")
    response.headers["content-type"] = f"{media_type}; charset=utf-8"
    response.headers["content-length"] = str(len(response.body))
    return response


def _method_not_allowed(
    *allowed: str,
    message: str = "This method is not allowed.",
    de: str = "Diese Methode ist nicht erlaubt.",
    code: str | None = None,
) -> RequestError:
    return RequestError(405, message, de=de, code=code, headers={"Allow": ", ".join(allowed)})


def _is_hash_alone(request: Request) -> bool:
    parameters = request.query_params
    return "query" not in parameters and "persistedQuery" in parameters.get("extensions", "")


def _is_page_request(request: Request) -> bool:
    accepts_html = "text/html" in list_header(request.headers, "accept").lower()
    return request.method == "GET" and accepts_html and "query" not in request.query_params
