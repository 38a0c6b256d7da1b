"""A site, a browser, and what each test begins with."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.site import Site, running_site
from tests.browser.visitor import Visitor
from transport.graphiql import fetch

# As a container runs it: without its sandbox, a screen, or calls to anywhere but the site.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 10_000


@pytest.fixture(scope="session")
def graphiql_dir() -> Path:
    """The files of GraphiQL, fetched once for all runs."""
    folder = Path("var/graphiql")
    assert fetch.main([str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, graphiql_dir: Path) -> Iterator[Site]:
    """The running site, shared by all tests: each makes people of its own."""
    with running_site(tmp_path_factory.mktemp("site"), graphiql_dir=graphiql_dir) as site:
        yield site


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.exit("Chromium is missing. On Debian: apt-get install chromium", returncode=1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def new_visitor(chromium: Browser, site: Site) -> Iterator[Callable[..., Visitor]]:
    """Somebody with a browser of their own. In the end no browser may have complained (CSP, scripts, requests)."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def make(**options: object) -> Visitor:
        options = {"base_url": site.url, "locale": "en-GB", "viewport": {"width": 1280, "height": 900}} | options
        context = chromium.new_context(**options)  # type: ignore[arg-type]  # Playwright's own
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        context.set_default_timeout(TIMEOUT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return Visitor(page, site)

    yield make
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def visitor(new_visitor: Callable[..., Visitor]) -> Visitor:
    """Somebody at a desk, who reads English."""
    return new_visitor()


@pytest.fixture
def phone(new_visitor: Callable[..., Visitor]) -> Visitor:
    """Somebody with a small telephone."""
    return new_visitor(viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where screenshots go: a folder that git ignores."""
    folder = Path("var/screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
