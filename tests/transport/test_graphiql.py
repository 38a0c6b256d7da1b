"""The page for developers: which files it is made of, how they are fetched, and that all of it comes from us."""

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

from transport.graphiql import fetch
from transport.graphiql.files import PageFile, page_files
from transport.graphiql.page import PREFIX, QueryPage

CONTENT = b"window.answer = 42;"
INTEGRITY = f"sha384-{base64.b64encode(hashlib.sha384(CONTENT).digest()).decode()}"
SCRIPT = PageFile("@scope/answer", "1.2.3", "dist/answer.js", "http://127.0.0.1:9/answer.js", INTEGRITY)


class Registry(ThreadingHTTPServer):
    """A registry on the loopback interface with one package of one file."""

    daemon_threads = True
    content = CONTENT

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, path: str) -> bytes | None:
        """What a registry says."""
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
    """Asks the registry."""

    def do_GET(self) -> None:  # the name by which http.server calls it
        """Answer."""
        assert isinstance(self.server, Registry)
        body = self.server.answer(self.path)
        self.send_response(404 if body is None else 200)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry that answers."""
    with Registry(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GraphiQL of one small file."""
    for module in ("fetch", "page"):
        monkeypatch.setattr(f"transport.graphiql.{module}.page_files", lambda: (SCRIPT,))


def test_strawberrys_page_names_versions_and_hashes() -> None:
    """Each file has a strong hash, an exact version and a name of its own; scripts and styles are among them."""
    files = page_files()

    assert {file.package for file in files} >= {"graphiql", "react", "react-dom"}
    assert all(file.integrity.startswith(("sha384-", "sha512-")) for file in files)
    assert all(file.version[0].isdigit() for file in files)
    assert len({file.name for file in files}) == len(files)
    assert {file.is_script for file in files} == {True, False}


@pytest.mark.usefixtures("one_file")
def test_files_come_out_of_the_packages_of_the_registry(registry: Registry, tmp_path: Path) -> None:
    """Fetched once: what is there and intact is not asked for again."""
    assert fetch.main([str(tmp_path), "--registry", registry.url]) == 0
    assert (tmp_path / SCRIPT.name).read_bytes() == CONTENT
    assert fetch.main([str(tmp_path), "--registry", "http://127.0.0.1:9"]) == 0


@pytest.mark.usefixtures("one_file")
def test_what_does_not_fit_its_hash_is_not_kept(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever changed it on the way."""
    registry.content = CONTENT + b" steal();"

    assert fetch.main([str(tmp_path), "--registry", registry.url]) == 1
    assert list(tmp_path.rglob("*.js*")) == []
    assert "does not fit its hash" in capsys.readouterr().err


@pytest.mark.usefixtures("one_file")
def test_without_a_network_the_command_says_what_takes_the_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line for what went wrong with each package, and one for what it means."""
    assert fetch.main([str(tmp_path), "--registry", "http://127.0.0.1:9"]) == 1
    assert "a small query page takes its place" in capsys.readouterr().err


def test_the_registry_is_the_one_of_npms_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also where npm is not installed: from the environment, else from the user's file."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NPM_CONFIG_REGISTRY", raising=False)
    monkeypatch.delenv("npm_config_registry", raising=False)
    (tmp_path / ".npmrc").write_text("fund=false\nregistry = https://registry.test/npm/\n", "utf-8")

    assert fetch.configured_registry() == "https://registry.test/npm/"
    monkeypatch.setenv("npm_config_registry", "https://other.test/")
    assert fetch.configured_registry() == "https://other.test/"


@pytest.mark.usefixtures("one_file")
async def test_the_page_loads_all_of_it_from_us_with_the_hashes_kept(tmp_path: Path) -> None:
    """And a script that stands in the page itself would not run."""
    path = tmp_path / SCRIPT.name
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    page = QueryPage(tmp_path)
    http = client_of(page)
    answer = await http.get("/graphql")

    assert page.is_graphiql
    assert f'src="{PREFIX}/fetched/{SCRIPT.name}" integrity="{INTEGRITY}"' in answer.text
    assert "//" not in answer.text.replace("<!doctype", "")
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    assert (await http.get(f"{PREFIX}/fetched/{SCRIPT.name}")).content == CONTENT
    assert "mutation Login" in (await http.get(f"{PREFIX}/own/flow.graphql")).text


@pytest.mark.usefixtures("one_file")
async def test_without_the_files_there_is_a_small_page_which_needs_nothing_inline(tmp_path: Path) -> None:
    """It says how to have the large one."""
    answer = await client_of(QueryPage(tmp_path / "nothing")).get("/graphql")

    assert "python -m transport.graphiql.fetch" in answer.text
    assert "unsafe" not in answer.headers["content-security-policy"]


def client_of(page: QueryPage) -> httpx.AsyncClient:
    """A client of an app with this page alone."""
    app = Starlette(routes=[Route("/graphql", lambda _request: page.response()), *page.routes()])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://countersign.test")
