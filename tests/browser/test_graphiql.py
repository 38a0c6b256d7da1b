"""The GraphiQL page and its replacement, without access to the internet."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.page_object import Frontend
from tests.browser.site import SIMPLE_QUERY_PAGE_PATH, Site
from tests.browser.test_visual_check import SCHEMES, violations
from tests.support.users import PASSWORD


@pytest.fixture
def offline_frontend(frontend: Frontend) -> Frontend:
    """Block all requests except those to the site."""

    def block_other_hosts(route: Route) -> None:
        if route.request.url.startswith((frontend.site.url, "data:")):
            route.continue_()
        else:
            route.abort()

    frontend.page.route("**/*", block_other_hosts)
    return frontend


def test_graphiql_works_without_internet(offline_frontend: Frontend, site: Site, screenshots_dir: Path) -> None:
    """The first tab contains the example operations. They use the variables and the session of the login before."""
    member = site.create_member(site.create_company(), "Test Member")
    page = offline_frontend.page
    page.goto("/graphql")
    expect(page.locator(".graphiql-query-editor")).to_contain_text("All steps of 2FA, one operation after the other.")
    editors = page.locator(".CodeMirror")
    expect(editors.nth(1)).to_contain_text("challengeToken")
    page.screenshot(path=screenshots_dir / "graphiql-light-1280.png")
    set_text = "(element, text) => element.CodeMirror.setValue(text)"
    editors.nth(1).evaluate(set_text, f'{{"email": "{member.email}", "password": "{PASSWORD}"}}')
    run_operation(offline_frontend, "Login")
    expect(page.locator(".result-window")).to_contain_text("LoggedIn")
    run_operation(offline_frontend, "WhoAmI")
    expect(page.locator(".result-window")).to_contain_text(member.name)

    assert "correct horse" not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")


def run_operation(frontend: Frontend, operation: str) -> None:
    """Click the run button, and choose an operation from its menu."""
    frontend.page.get_by_role("button", name=re.compile("Execute query")).click()
    frontend.page.get_by_role("menuitem", name=operation, exact=True).click()


def test_simple_query_page_replaces_graphiql_if_files_are_missing(
    offline_frontend: Frontend, site: Site, screenshots_dir: Path
) -> None:
    """It runs the same operations, and axe-core finds no violations in either colour scheme."""
    member = site.create_member(site.create_company(), "Test Member")
    page = offline_frontend.page
    page.goto(SIMPLE_QUERY_PAGE_PATH)
    offline_frontend.expect_text("so this simple page replaces it")
    expect(page.get_by_label("Operation to run")).to_contain_text("WhoAmI")
    offline_frontend.fill("Variables, as JSON", f'{{"email": "{member.email}", "password": "{PASSWORD}"}}')
    for operation, expected in (("Login", "LoggedIn"), ("WhoAmI", member.name)):
        page.get_by_label("Operation to run").select_option(operation)
        offline_frontend.click_button("Run")
        expect(page.locator("#response")).to_contain_text(expected)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []
        page.screenshot(path=screenshots_dir / f"simple-query-page-{scheme}-1280.png")
