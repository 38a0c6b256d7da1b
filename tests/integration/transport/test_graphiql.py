"""The query page: its files, their download and its independence of other hosts."""

import base64
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tools import fetch_graphiql
from transport.graphiql.files import PageFile, page_files
from transport.graphiql.page import PREFIX, QueryPage

CONTENT = b"window.answer = 42;"
INTEGRITY = f"sha384-{base64.b64encode(hashlib.sha384(CONTENT).digest()).decode()}"
SCRIPT = PageFile("@scope/answer", "1.2.3", "dist/answer.js", "http://127.0.0.1:9/answer.js", INTEGRITY)


class Registry(ThreadingHTTPServer):
    """An npm registry on the loopback interface with one package of one file."""

    daemon_threads = True
    content = CONTENT

    @property
    def url(self) -> str:
        """The URL of the registry."""
        return f"http://127.0.0.1:{self.server_port}"

    def find(self, path: str) -> bytes | None:
        """Return the body of the response for a path, or None."""
        if path == "/@scope%2Fanswer/1.2.3":
            return json.dumps({"dist": {"tarball": f"{self.url}/answer.tgz"}}).encode()
        if path == "/answer.tgz":
            packed = io.BytesIO()
            with tarfile.open(fileobj=packed, mode="w:gz") as tarball:
                member = tarfile.TarInfo("package/dist/answer.js")
                member.size = len(self.content)
                tarball.addfile(member, io.BytesIO(self.content))
            return packed.getvalue()
        return None


class Handler(BaseHTTPRequestHandler):
    """Serves the registry over HTTP."""

    def do_GET(self) -> None:  # the name by which http.server calls it
        """Respond with the metadata or the tarball of the package."""
        assert isinstance(self.server, Registry)
        body = self.server.find(self.path)
        self.send_response(404 if body is None else 200)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_arguments: object) -> None:
        """Suppress the log of http.server."""


@pytest.fixture
def registry() -> Iterator[Registry]:
    """Run a registry during a test."""
    with Registry(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the files of GraphiQL by one small file."""
    for module in ("tools.fetch_graphiql", "transport.graphiql.page"):
        monkeypatch.setattr(f"{module}.page_files", lambda: (SCRIPT,))


def test_strawberry_page_lists_versions_and_hashes() -> None:
    """Each file has a strong hash, an exact version and a unique name. Scripts and style sheets are included."""
    files = page_files()

    assert {file.package for file in files} >= {"graphiql", "react", "react-dom"}
    assert all(file.integrity.startswith(("sha384-", "sha512-")) for file in files)
    assert all(file.version[0].isdigit() for file in files)
    assert len({file.name for file in files}) == len(files)
    assert {file.is_script for file in files} == {True, False}


@pytest.mark.usefixtures("one_file")
def test_files_are_downloaded_from_the_registry(registry: Registry, tmp_path: Path) -> None:
    """A file that is present and intact is not downloaded again."""
    assert fetch_graphiql.main([str(tmp_path), "--registry", registry.url]) == 0
    assert (tmp_path / SCRIPT.name).read_bytes() == CONTENT
    assert fetch_graphiql.main([str(tmp_path), "--registry", "http://127.0.0.1:9"]) == 0


@pytest.mark.usefixtures("one_file")
def test_file_with_wrong_hash_is_not_kept(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that was changed in the registry or in transit is rejected."""
    registry.content = CONTENT + b" steal();"

    assert fetch_graphiql.main([str(tmp_path), "--registry", registry.url]) == 1
    assert list(tmp_path.rglob("*.js*")) == []
    assert "the hash does not match" in capsys.readouterr().err


@pytest.mark.usefixtures("one_file")
def test_without_network_the_command_reports_missing_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command fails and reports that the simple query page replaces GraphiQL."""
    assert fetch_graphiql.main([str(tmp_path), "--registry", "http://127.0.0.1:9"]) == 1
    assert "a simple query page replaces it" in capsys.readouterr().err


def test_registry_is_read_from_npm_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without npm, the registry comes from the environment variable, otherwise from `.npmrc`."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NPM_CONFIG_REGISTRY", raising=False)
    monkeypatch.delenv("npm_config_registry", raising=False)
    (tmp_path / ".npmrc").write_text("fund=false\nregistry = https://registry.test/npm/\n", "utf-8")

    assert fetch_graphiql.configured_registry() == "https://registry.test/npm/"
    monkeypatch.setenv("npm_config_registry", "https://other.test/")
    assert fetch_graphiql.configured_registry() == "https://other.test/"


@pytest.mark.usefixtures("one_file")
async def test_page_loads_only_own_files_with_hashes(tmp_path: Path) -> None:
    """The page has the hashes of its files, and its policy forbids inline scripts."""
    path = tmp_path / SCRIPT.name
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    page = QueryPage(tmp_path)
    http = client_for(page)
    response = await http.get("/graphql")

    assert page.is_graphiql
    assert f'src="{PREFIX}/fetched/{SCRIPT.name}" integrity="{INTEGRITY}"' in response.text
    assert "//" not in response.text.replace("<!doctype", "")
    assert "script-src 'self';" in response.headers["content-security-policy"]
    assert (await http.get(f"{PREFIX}/fetched/{SCRIPT.name}")).content == CONTENT
    assert "mutation Login" in (await http.get(f"{PREFIX}/own/flow.graphql")).text


@pytest.mark.usefixtures("one_file")
async def test_without_files_the_simple_query_page_is_served(tmp_path: Path) -> None:
    """The simple page explains how to install GraphiQL, and its policy allows no inline styles."""
    response = await client_for(QueryPage(tmp_path / "nothing")).get("/graphql")

    assert "python -m tools.fetch_graphiql" in response.text
    assert "unsafe" not in response.headers["content-security-policy"]


def client_for(page: QueryPage) -> httpx.AsyncClient:
    """Return a client of an application that serves only this page."""
    app = Starlette(routes=[Route("/graphql", lambda _request: page.response()), *page.routes()])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://countersign.test")
