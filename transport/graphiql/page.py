"""Serve the query page and its files. The page loads nothing from other hosts."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from transport.graphiql.files import PageFile, page_files

STATIC = Path(__file__).parent / "static"
PREFIX = "/static/graphiql"

# CodeMirror, the editor of GraphiQL, sets inline styles on its elements. There are no inline scripts.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class QueryPage:
    """The query page for developers: GraphiQL if its files are in the folder, otherwise the simple query page."""

    def __init__(self, folder: Path) -> None:
        """Choose the page. Files that are added to the folder later have no effect until a restart."""
        self._folder = folder
        files = page_files()
        self.is_graphiql = bool(files) and all((folder / file.name).is_file() for file in files)
        self._html = _graphiql(files) if self.is_graphiql else (STATIC / "simple-query-page.html").read_text("utf-8")

    def response(self) -> Response:
        """Return the page with its Content-Security-Policy."""
        policy = CONTENT_SECURITY_POLICY
        if not self.is_graphiql:
            policy = policy.replace(" 'unsafe-inline'", "")
        return HTMLResponse(self._html, headers={"Content-Security-Policy": policy})

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the files that the page loads."""
        return [
            Mount(f"{PREFIX}/own", StaticFiles(directory=STATIC)),
            Mount(f"{PREFIX}/fetched", StaticFiles(directory=self._folder, check_dir=False)),
        ]


def _graphiql(files: Sequence[PageFile]) -> str:
    """Return the page of GraphiQL. The browser compares each file with its hash before it uses the file."""
    template = (STATIC / "graphiql.html").read_text("utf-8")
    styles = "\n".join(_element(file) for file in files if not file.is_script)
    scripts = "\n".join(_element(file) for file in files if file.is_script)
    return template.replace("<!-- styles -->", styles).replace("<!-- scripts -->", scripts)


def _element(file: PageFile) -> str:
    url = f"{PREFIX}/fetched/{escape(file.name)}"
    integrity = f'integrity="{escape(file.integrity)}" crossorigin'
    if file.is_script:
        return f'<script src="{url}" {integrity} defer></script>'
    return f'<link rel="stylesheet" href="{url}" {integrity}>'
