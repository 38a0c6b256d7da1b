"""The files of the reference frontend: compressed, revalidated, and all named by the page."""

import re
from urllib.parse import urljoin

import httpx
import pytest
from starlette.applications import Starlette

from examples.web.site import STATIC, routes

URL = "http://frontend.example/"
# The configuration and the logo are too small to be compressed.
PATHS = ("/", "/web/main.js", "/web/style.css", "/web/logo.svg", "/web/config.json")
IMPORT = re.compile(r'^import [^"]*? from "([^"]+)";$|\bimport\("([^"]+)"\)', re.MULTILINE)


async def get(path: str, **headers: str) -> httpx.Response:
    """Request a file of the frontend."""
    app = Starlette(routes=routes(product_name="Northwind"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as client:
        return await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("path", PATHS[:3])
async def test_text_is_compressed_for_browsers_that_accept_it(path: str) -> None:
    """The content is the same, and caches keep both forms."""
    compressed = await get(path, Accept_Encoding="br, gzip")
    plain = await get(path, Accept_Encoding="identity")

    assert compressed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert compressed.text == plain.text
    assert int(compressed.headers["Content-Length"]) < 0.6 * int(plain.headers["Content-Length"])
    assert {compressed.headers["Vary"], plain.headers["Vary"]} == {"Accept-Encoding"}


@pytest.mark.parametrize("path", PATHS)
async def test_unchanged_file_is_not_sent_again(path: str) -> None:
    """The validator is weak, because it is that of the compressed and of the plain file. Another one gets the file."""
    first = await get(path)
    again = await get(path, If_None_Match=first.headers["ETag"])
    changed = await get(path, If_None_Match='W/"another"')

    assert first.headers["ETag"].startswith('W/"')
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert (changed.status_code, changed.content) == (200, first.content)
    assert {response.headers["Cache-Control"] for response in (first, again, changed)} == {"no-cache"}


async def test_validator_of_the_configuration_depends_on_it() -> None:
    """A browser does not keep the name of another product."""
    other = Starlette(routes=routes(product_name="Southwind"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(other), base_url=URL) as client:
        southwind = await client.get("/web/config.json")

    assert southwind.headers["ETag"] != (await get("/web/config.json")).headers["ETag"]


async def test_page_preloads_every_module_that_it_needs_and_no_other() -> None:
    """The list follows the imports from the entry point, so a new module is preloaded and a deleted one is not."""
    page = (await get("/")).text
    preloaded = re.findall(r'<link rel="modulepreload" href="([^"]+)"', page)
    needed: set[str] = set()
    found = {"/web/main.js"}
    while found - needed:
        path = (found - needed).pop()
        needed.add(path)
        source = (STATIC / path.removeprefix("/web/")).read_text("utf-8")
        # An import in a JSDoc comment has only types. TypeScript reads it, and the browser does not.
        source = re.sub(r"/\*\*.*?\*/", "", source, flags=re.DOTALL)
        found |= {urljoin(path, at_once or later) for at_once, later in IMPORT.findall(source)}

    assert len(needed) > 20
    assert sorted(needed) == preloaded
    assert page.index("modulepreload") < page.index('<script type="module"')


async def test_page_has_the_name_of_the_product() -> None:
    """The header is there before the scripts are. The name cannot contain markup."""
    app = Starlette(routes=routes(product_name="North<wind> & Co"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as client:
        page = (await client.get("/")).text

    assert "<title>North&lt;wind&gt; &amp; Co</title>" in page
    assert page.count("North&lt;wind&gt; &amp; Co") == 2
    assert "North<wind>" not in page


async def test_page_has_a_description_a_language_and_a_viewport() -> None:
    """Search engines and screen readers need them."""
    page = (await get("/")).text

    assert re.search(r'<html lang="en">', page)
    assert re.search(r'<meta name="description" content=".{50,160}">', page)
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
