"""The routes of the frontend: its one page, its files, and the mailbox of the demo."""

from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.mailbox import Mailbox, content_security_policy_of

STATIC = Path(__file__).parent / "static"

# Scripts and styles come from our own files alone; nothing inline, nothing from elsewhere (ASVS 3.4.3).
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Kept, but asked for anew each time: a page never meets the scripts of another version.
    "Cache-Control": "no-cache",
}


def routes(*, product_name: str, mail_dir: Path, graphiql: bool = False) -> list[BaseRoute]:
    """What an app adds to serve the frontend: `/`, `/web/…`, and the mailbox of letters in `mail_dir` (`*.eml`).

    `graphiql` says whether the page at `/graphql` is worth a link.
    """
    mailbox = Mailbox(mail_dir)

    def index(_request: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers=HEADERS)

    def config(_request: Request) -> Response:
        return JSONResponse({"productName": product_name, "graphiql": graphiql}, headers=HEADERS)

    def mailbox_page(_request: Request) -> Response:
        return RedirectResponse("/#/mailbox", status_code=303)

    def letters(_request: Request) -> Response:
        return JSONResponse({"emails": [letter.facts() for letter in mailbox.letters()]})

    def letter_as_page(request: Request) -> Response:
        letter = mailbox.find(request.path_params["name"])
        if letter is None or letter.html is None:
            return Response(status_code=404)
        headers = {
            "Content-Security-Policy": content_security_policy_of(letter.html),
            "X-Frame-Options": "SAMEORIGIN",
        }
        return Response(letter.html, media_type="text/html", headers=headers)

    # Functions that are not async run in threads, so that reading files holds nobody up.
    return [
        Route("/", index),
        Route("/web/config.json", config),
        Mount("/web", _WithHeaders(StaticFiles(directory=STATIC))),
        Route("/mailbox", mailbox_page),
        Route("/mailbox/emails", letters),
        Route("/mailbox/emails/{name}", letter_as_page),
    ]


class _WithHeaders:
    """Puts the headers of a page on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)
