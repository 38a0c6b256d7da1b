"""The routes of the reference frontend: its page and its static files."""

import hashlib
import html
import re
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATIC = Path(__file__).parent / "static"
# The page loads this module, which imports all others.
ENTRY_POINT = '<script type="module" src="/web/main.js"></script>'

# The pages that the routes import when they are needed.
LATER = re.compile(r'import\("\./(pages/[^"]+)"\)')

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


def routes(*, product_name: str, graphiql: bool = False, help_url: str | None = None) -> list[BaseRoute]:
    """Return the routes `/` and `/web/…`.

    `graphiql` says whether the pages link to GraphiQL at `/graphql`. If there is a `help_url`, they link to it too.
    """
    files = StaticFiles(directory=STATIC)

    def index(request: Request) -> Response:
        return unless_cached(HTMLResponse(page(product_name)), request)

    config_values = {"productName": product_name, "graphiql": graphiql, "helpUrl": help_url}

    def config(request: Request) -> Response:
        return unless_cached(JSONResponse(config_values), request)

    def unless_cached(response: Response, request: Request) -> Response:
        """Add a validator to the response. Return 304 if the browser has the same content (RFC 9110 §13.1.2)."""
        response.headers["ETag"] = f'"{hashlib.sha256(bytes(response.body)).hexdigest()}"'
        is_cached = files.is_not_modified(response.headers, request.headers)
        return NotModifiedResponse(response.headers) if is_cached else response

    # These files contain no secret. Answers of the API are not compressed: they contain secrets beside text that others
    # choose, and the length of a compressed answer would reveal them (BREACH).
    middleware = [Middleware(_FileHeaders), Middleware(GZipMiddleware)]
    # Starlette runs functions that are not async in threads, so they may block.
    return [
        Route("/", index, middleware=middleware),
        Route("/web/config.json", config, middleware=middleware),
        Mount("/web", files, middleware=middleware),
    ]


def page(product_name: str) -> str:
    """Return the HTML of the page, with the name of the product and a link for each module.

    Without the links, the browser would find a module only after it had loaded the one that imports it. The modules of
    pages that are not the first one come last.
    """
    modules = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js"))
    later = set(LATER.findall((STATIC / "routes.js").read_text("utf-8")))
    links = "\n".join(
        f'<link rel="modulepreload" href="/web/{module}" fetchpriority="{"low" if module in later else "auto"}">'
        for module in modules
    )
    text = (STATIC / "index.html").read_text("utf-8").replace(ENTRY_POINT, f"{links}\n{ENTRY_POINT}")
    return text.replace("{{ product_name }}", html.escape(product_name))


class _FileHeaders:
    """Adds `HEADERS` to every response, and makes its validator weak."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request and add the headers to the response."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                # The compressed and the plain file have the same validator, so it must be weak (RFC 9110 §8.8.1).
                if "ETag" in headers:
                    headers["ETag"] = f"W/{headers['ETag']}"
            await send(message)

        await self._app(scope, receive, send_with_headers)
