"""Errors that reject a request before GraphQL execution, with a body in the GraphQL response format."""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from transport.error_codes import BAD_USER_INPUT, FORBIDDEN


class RequestError(Exception):
    """Raised when a request is rejected with an HTTP status and nothing is executed. `de` is the message in German."""

    def __init__(
        self, status: int, message: str, *, de: str, code: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code or (FORBIDDEN if status == 403 else BAD_USER_INPUT)  # noqa: PLR2004  # the only authorization status
        self.messages = {"en": message, "de": de}
        self.headers = dict(headers or {})

    def response(self, language: str) -> Response:
        """Return the response as plain JSON, which GraphQL clients and all other clients can read."""
        return error_response(self.status, self.messages[language], self.code, headers=self.headers)


def error_response(
    status: int,
    message: str,
    code: str,
    *,
    extensions: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a response with one GraphQL error."""
    body = {"errors": [{"message": message, "extensions": {"code": code, **(extensions or {})}}]}
    return JSONResponse(body, status, headers, media_type="application/json; charset=utf-8")
