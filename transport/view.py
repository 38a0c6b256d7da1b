"""GraphQL over HTTP: which requests are taken, and how results are put into answers.

Strawberry runs the operations. Its own view is not built upon: batches, multipart bodies, streams and WebSockets would
have to be kept shut one by one, and here they do not exist.

Status and media types follow the draft that graphql-http audits: a result is sent with 200 as plain JSON always, and
with 400 as `application/graphql-response+json` where nothing of it was executed. The draft of August 2026 wants 422 and
294 in places; no client knows them yet.
"""

import json
from collections.abc import Collection
from typing import Any

import structlog
from graphql import FieldNode, GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry import Schema
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from resolvers.context import Context
from transport.bodies import (
    BODY_TIMEOUT_S,
    Parameters,
    parameters_of,
    parameters_of_url,
    read_body,
    require_json_content,
    strict_json,
)
from transport.clients import Networks, client_of
from transport.codes import (
    FORBIDDEN,
    INTERNAL_SERVER_ERROR,
    OPERATION_RESOLUTION_FAILURE,
    SERVICE_UNAVAILABLE,
    TopLevelCodes,
    code_of,
    request_error,
    told,
)
from transport.cookies import SessionCookie, session_token
from transport.graphiql.page import QueryPage
from transport.negotiation import GRAPHQL_RESPONSE, choose_media_type
from transport.origins import require_known_origin
from transport.refusals import RequestRefusedError
from twofactor.environment import Environment

NOT_EXECUTED_STATUS = 400

# What each method may run: nothing is changed by GET (RFC 9110 §9.2.1).
OPERATION_TYPES = {"GET": {OperationType.QUERY}, "POST": {OperationType.QUERY, OperationType.MUTATION}}

log = structlog.get_logger(__name__)


class GraphQLView:
    """Answers GraphQL requests: POST in JSON, and GET for queries where that is on."""

    def __init__(  # noqa: PLR0913  # each is a setting, given by name
        self,
        schema: Schema,
        env: Environment,
        *,
        top_level_codes: TopLevelCodes,
        allowed_origins: Collection[str] = (),
        trusted_proxies: Networks = (),
        get_queries: bool = False,
        query_page: QueryPage | None = None,
        body_timeout_s: float = BODY_TIMEOUT_S,
    ) -> None:
        """Answer with `schema`; what its unions do not hold of the domain's errors gets a code of `top_level_codes`."""
        self._schema = schema
        self._env = env
        self._top_level_codes = top_level_codes
        self._allowed_origins = frozenset(allowed_origins)
        self._trusted_proxies = trusted_proxies
        self._get_queries = get_queries
        self._query_page = query_page
        self._body_timeout_s = body_timeout_s
        self._methods = ("GET", "POST") if get_queries or query_page else ("POST",)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except RequestRefusedError as refusal:
            response = refusal.response()
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method not in self._methods:
            raise _method_refused(*self._methods)
        if self._query_page and _asks_for_the_page(request):
            return self._query_page.response()
        if request.method == "GET" and not self._get_queries:
            raise _method_refused("POST")
        require_known_origin(request.headers, self._allowed_origins)
        if request.method == "POST":
            require_json_content(request.headers)
        media_type = choose_media_type(request.headers.get("accept"))
        if media_type is None:
            raise RequestRefusedError(406, "Accept application/graphql-response+json or application/json.")
        response = Response()
        result = await self._execute(request, await self._parameters(request), response)
        return self._put(result, response, media_type)

    async def _parameters(self, request: Request) -> Parameters:
        if request.method == "GET":
            return parameters_of_url(request.query_params)
        return parameters_of(strict_json(await read_body(request, self._body_timeout_s)))

    async def _execute(self, request: Request, parameters: Parameters, response: Response) -> ExecutionResult:
        context = Context(
            env=self._env,
            client=client_of(request, self._trusted_proxies),
            cookies=SessionCookie(request, response),
            session_token=session_token(request),
        )
        try:
            return await self._schema.execute(
                parameters.query,
                variable_values=parameters.variables,
                context_value=context,
                operation_name=parameters.operation_name,
                allowed_operation_types=OPERATION_TYPES[request.method],
            )
        except CannotGetOperationTypeError:
            error = request_error("There is no such operation.", OPERATION_RESOLUTION_FAILURE)
            return PreExecutionError(data=None, errors=[error])
        except InvalidOperationTypeError:
            raise _method_refused("POST") from None

    def _put(self, result: ExecutionResult, response: Response, media_type: str) -> Response:
        """Put a result into the answer, beside the cookies that are in it already."""
        is_valid = not isinstance(result, PreExecutionError)
        errors = [self._tell(error, is_valid=is_valid) for error in result.errors or ()]
        # GraphQL §7.1: after a request error there is no `data`; after a field error it is there, and null perhaps.
        was_executed = is_valid and (result.data is not None or any("path" in error for error in errors))
        body: dict[str, Any] = {"data": result.data} if was_executed else {}
        if errors:
            body["errors"] = errors
        response.status_code = NOT_EXECUTED_STATUS if not was_executed and media_type == GRAPHQL_RESPONSE else 200
        # In ASCII, so that whatever a client sent and gets back can be encoded: lone surrogates too.
        response.body = json.dumps(body, separators=(",", ":"), allow_nan=False).encode("ascii")
        response.headers["content-type"] = f"{media_type}; charset=utf-8"
        response.headers["content-length"] = str(len(response.body))
        return response

    def _tell(self, error: GraphQLError, *, is_valid: bool) -> dict[str, Any]:
        code = code_of(error, self._top_level_codes, is_valid=is_valid)
        cause = error.original_error or error
        field = next((node.name.value for node in error.nodes or () if isinstance(node, FieldNode)), None)
        if code == INTERNAL_SERVER_ERROR:
            log.error("internal_error", field=field, exc_info=cause)
        if code == FORBIDDEN:
            # ASVS 16.3.2: refused authorization is logged.
            log.warning("forbidden", field=field)
        if code == SERVICE_UNAVAILABLE:
            log.warning("service_unavailable", field=field, error=type(cause.__cause__ or cause).__name__)
        return told(error, code)


def _method_refused(*allowed: str) -> RequestRefusedError:
    return RequestRefusedError(405, "This method is not answered here.", headers={"Allow": ", ".join(allowed)})


def _asks_for_the_page(request: Request) -> bool:
    is_for_people = "text/html" in request.headers.get("accept", "").lower()
    return request.method == "GET" and is_for_people and "query" not in request.query_params
