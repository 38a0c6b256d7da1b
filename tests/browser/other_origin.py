"""A web server that has other origins than the site, with an empty page and a proxy like that of nginx."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from typing_extensions import override

# The site is at 127.0.0.1. For browsers, the other names are other sites.
SAME_SITE, OTHER_SITE, APP, NOT_ALLOWED = "127.0.0.1", "localhost", "tauri.localhost", "other.localhost"
PAGE = b"<!doctype html><title>Another origin</title><link rel=icon href=data:>"


class OtherOrigin:
    """A running web server. Each of its names is another origin."""

    def __init__(self, port: int) -> None:
        self._port = port
        # The URL of the site that the proxy forwards to.
        self.target = ""

    def url(self, name: str) -> str:
        """Return the origin with this host name."""
        return f"http://{name}:{self._port}"

    @property
    def allowed(self) -> list[str]:
        """The origins that may call the site."""
        return [self.url(name) for name in (SAME_SITE, OTHER_SITE, APP)]


@contextlib.contextmanager
def running_other_origin() -> Iterator[OtherOrigin]:
    """Run the web server until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name of the library
            self._respond(200, "text/html", PAGE)

        def do_POST(self) -> None:  # the name of the library
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept = ("Content-Type", "Origin", "Sec-Fetch-Site", *(["Host"] if self.path == "/host-is-kept" else []))
            headers = {name: self.headers[name] for name in kept}
            answer = httpx.post(f"{origin.target}/graphql", content=body, headers=headers, trust_env=False)
            self._respond(answer.status_code, answer.headers["content-type"], answer.content)

        def _respond(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, *_: object) -> None:
            """Do not write to standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        origin = OtherOrigin(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield origin
        finally:
            server.shutdown()
            thread.join()
