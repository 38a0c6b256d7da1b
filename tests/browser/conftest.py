"""Fixtures: the running site, Chromium, and page objects."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.other_origin import OtherOrigin, running_other_origin
from tests.browser.page_object import Frontend
from tests.browser.site import Site, running_site
from tools import fetch_graphiql

# Containers need --no-sandbox and have no GPU. The other options stop requests of Chromium's own to the internet.
CHROMIUM_OPTIONS = [
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
    """Return the folder of the GraphiQL files. Download them if they are missing."""
    folder = Path("var/graphiql")
    assert fetch_graphiql.main([str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def other_origin() -> Iterator[OtherOrigin]:
    """Run a web server with other origins than the site."""
    with running_other_origin() as other_origin:
        yield other_origin


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, graphiql_dir: Path, other_origin: OtherOrigin) -> Iterator[Site]:
    """Run one site for all tests. Each test creates its own company accounts and users."""
    folder = tmp_path_factory.mktemp("site")
    with running_site(folder, graphiql_dir=graphiql_dir, allowed_origins=other_origin.allowed) as site:
        other_origin.target = site.url
        yield site


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Run one headless Chromium for all tests."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.exit("Chromium is missing. On Debian: apt-get install chromium", returncode=1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def new_frontend(chromium: Browser, site: Site) -> Iterator[Callable[..., Frontend]]:
    """Return a function that opens the frontend in a new browser context, with cookies and storage of its own.

    After the test, fail if a console error or an uncaught exception occurred (CSP violation, script error, failed
    request).
    """
    contexts: list[BrowserContext] = []
    browser_errors: list[str] = []

    def make(**options: object) -> Frontend:
        options = {"base_url": site.url, "locale": "en-GB", "viewport": {"width": 1280, "height": 900}} | options
        context = chromium.new_context(**options)  # type: ignore[arg-type]  # options of Playwright
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        context.set_default_timeout(TIMEOUT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: browser_errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: browser_errors.append(str(error)))
        return Frontend(page, site)

    yield make
    for context in contexts:
        context.close()
    assert browser_errors == []


@pytest.fixture
def frontend(new_frontend: Callable[..., Frontend]) -> Frontend:
    """Open the frontend in English, in a desktop window."""
    return new_frontend()


@pytest.fixture
def phone_frontend(new_frontend: Callable[..., Frontend]) -> Frontend:
    """Open the frontend in English, on a phone 320 px wide."""
    return new_frontend(viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)


@pytest.fixture(scope="session")
def screenshots_dir() -> Path:
    """Return the folder for screenshots, which git ignores."""
    folder = Path("var/screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
