"""Requests that are refused before GraphQL begins, answered in the form of GraphQL all the same."""

from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from transport.codes import BAD_USER_INPUT, FORBIDDEN


class RequestRefusedError(Exception):
    """The request is answered with this status, and nothing of it is executed."""

    def __init__(self, status: int, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """What the client gets: the body that GraphQL clients can read, as plain JSON for everybody else."""
        code = FORBIDDEN if self.status == 403 else BAD_USER_INPUT  # noqa: PLR2004  # the one status that says who may
        return error_response(self.status, self.message, code, headers=self.headers)


def error_response(
    status: int,
    message: str,
    code: str,
    *,
    extensions: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An answer that is one error."""
    body = {"errors": [{"message": message, "extensions": {"code": code, **(extensions or {})}}]}
    return JSONResponse(body, status, headers, media_type="application/json; charset=utf-8")
