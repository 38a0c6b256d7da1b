"""GraphQL over HTTP: which requests are taken, and how results are put into answers.

Strawberry's own view is not built upon: batches, multipart bodies, streams and WebSockets would have to be kept shut
one by one, and here they do not exist.

Status and media types follow the draft that graphql-http audits: a result is sent with 200 as plain JSON always, and
with 400 as `application/graphql-response+json` where nothing of it was executed. The draft of August 2026 wants 422 and
294 in places; no client knows them yet.
"""

import json
from collections.abc import Collection
from typing import Any

import structlog
from graphql import ExecutionResult, FieldNode, GraphQLError, OperationType
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

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
    SERVICE_UNAVAILABLE,
    TopLevelCodes,
    code_of,
    told,
)
from transport.cookies import SessionCookie, session_token
from transport.graphiql.page import QueryPage
from transport.negotiation import GRAPHQL_RESPONSE, choose_media_type
from transport.operations import OperationRefusedError, Operations, OperationTypeRefusedError
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
        operations: Operations,
        env: Environment,
        *,
        top_level_codes: TopLevelCodes,
        allowed_origins: Collection[str] = (),
        trusted_proxies: Networks = (),
        get_queries: bool = False,
        query_page: QueryPage | None = None,
        body_timeout_s: float = BODY_TIMEOUT_S,
    ) -> None:
        """Answer with what `operations` give; errors of the domain beside the data get a code of `top_level_codes`."""
        self._operations = operations
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
        parameters, response = await self._parameters(request), Response()
        try:
            result = await self._run(request, parameters, response)
        except OperationTypeRefusedError:
            raise _method_refused("POST") from None
        except OperationRefusedError as refusal:
            body: dict[str, Any] = {"errors": [self._tell(error, is_valid=False) for error in refusal.errors]}
        else:
            body = self._body(result)
        return _put(body, response, media_type)

    async def _parameters(self, request: Request) -> Parameters:
        if request.method == "GET":
            return parameters_of_url(request.query_params)
        return parameters_of(strict_json(await read_body(request, self._body_timeout_s)))

    async def _run(self, request: Request, parameters: Parameters, response: Response) -> ExecutionResult:
        context = Context(
            env=self._env,
            client=client_of(request, self._trusted_proxies),
            cookies=SessionCookie(request, response),
            session_token=session_token(request),
        )
        return await self._operations.run(parameters, context, OPERATION_TYPES[request.method])

    def _body(self, result: ExecutionResult) -> dict[str, Any]:
        errors = [self._tell(error, is_valid=True) for error in result.errors or ()]
        # GraphQL §7.1: after a request error there is no `data`; after a field error it is there, and null perhaps.
        was_executed = result.data is not None or any("path" in error for error in errors)
        return ({"data": result.data} if was_executed else {}) | ({"errors": errors} if errors else {})

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


def _put(body: dict[str, Any], response: Response, media_type: str) -> Response:
    """Put the body into the answer, beside the cookies that are in it already."""
    response.status_code = NOT_EXECUTED_STATUS if "data" not in body and media_type == GRAPHQL_RESPONSE else 200
    # In ASCII, so that whatever a client sent and gets back can be encoded: lone surrogates too.
    response.body = json.dumps(body, separators=(",", ":"), allow_nan=False).encode("ascii")
    response.headers["content-type"] = f"{media_type}; charset=utf-8"
    response.headers["content-length"] = str(len(response.body))
    return response


def _method_refused(*allowed: str) -> RequestRefusedError:
    return RequestRefusedError(405, "This method is not answered here.", headers={"Allow": ", ".join(allowed)})


def _asks_for_the_page(request: Request) -> bool:
    is_for_people = "text/html" in request.headers.get("accept", "").lower()
    return request.method == "GET" and is_for_people and "query" not in request.query_params
