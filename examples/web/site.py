"""The routes of the reference frontend: its page and its static files."""

from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATIC = Path(__file__).parent / "static"

# The page loads scripts and styles only from its own origin, and has no inline ones (ASVS 3.4.3).
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # The browser revalidates each file, so that a page never runs with scripts of another version.
    "Cache-Control": "no-cache",
}


def routes(*, product_name: str, graphiql: bool = False) -> list[BaseRoute]:
    """Return the routes `/` and `/web/…`. `graphiql` says whether the page links to GraphiQL at `/graphql`."""

    def index(_request: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers=HEADERS)

    def config(_request: Request) -> Response:
        return JSONResponse({"productName": product_name, "graphiql": graphiql}, headers=HEADERS)

    # Starlette runs functions that are not async in threads, so they may block.
    return [
        Route("/", index),
        Route("/web/config.json", config),
        Mount("/web", _WithHeaders(StaticFiles(directory=STATIC))),
    ]


class _WithHeaders:
    """Adds `HEADERS` to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request and add the headers to the response."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)
