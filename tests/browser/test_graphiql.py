"""The page for developers, with the network off."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.site import PASSWORD, SMALL_QUERY_PAGE, Site
from tests.browser.test_looks import SCHEMES, violations
from tests.browser.visitor import Visitor


@pytest.fixture
def offline(visitor: Visitor) -> Visitor:
    """A developer whose browser reaches nothing but the site."""

    def only_here(route: Route) -> None:
        if route.request.url.startswith((visitor.site.url, "data:")):
            route.continue_()
        else:
            route.abort()

    visitor.page.route("**/*", only_here)
    return visitor


def test_graphiql_runs_the_flow_with_the_network_off(offline: Visitor, site: Site, pictures: Path) -> None:
    """Its first tab is the flow; an operation runs with the variables beside it, and the next has its session."""
    person = site.person(site.company(), "Greta Graphiql")
    page = offline.page
    page.goto("/graphql")
    expect(page.locator(".graphiql-query-editor")).to_contain_text("The whole flow, one operation after the other.")
    editors = page.locator(".CodeMirror")
    expect(editors.nth(1)).to_contain_text("challengeToken")
    page.screenshot(path=pictures / "graphiql-light-1280.png")
    set_text = "(element, text) => element.CodeMirror.setValue(text)"
    editors.nth(1).evaluate(set_text, f'{{"email": "{person.email}", "password": "{PASSWORD}"}}')
    run(offline, "Login")
    expect(page.locator(".result-window")).to_contain_text("LoggedIn")
    run(offline, "WhoAmI")
    expect(page.locator(".result-window")).to_contain_text(person.name)

    assert "correct horse" not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")


def run(visitor: Visitor, operation: str) -> None:
    """Press the button, and choose an operation from its menu."""
    visitor.page.get_by_role("button", name=re.compile("Execute query")).click()
    visitor.page.get_by_role("menuitem", name=operation, exact=True).click()


def test_without_its_files_a_small_page_takes_its_place_and_says_so(
    offline: Visitor, site: Site, pictures: Path
) -> None:
    """It runs the same operations, and axe finds nothing in either colour scheme."""
    person = site.person(site.company(), "Sigrid Small")
    page = offline.page
    page.goto(SMALL_QUERY_PAGE)
    offline.sees("so this small page takes its place")
    expect(page.get_by_label("Operation to run")).to_contain_text("WhoAmI")
    offline.fill("Variables, as JSON", f'{{"email": "{person.email}", "password": "{PASSWORD}"}}')
    for operation, answer in (("Login", "LoggedIn"), ("WhoAmI", person.name)):
        page.get_by_label("Operation to run").select_option(operation)
        offline.press("Run")
        expect(page.locator("#answer")).to_contain_text(answer)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []
        page.screenshot(path=pictures / f"small-query-page-{scheme}-1280.png")
