"""Navigation: progress, reloads during a login, URLs that name nothing, and pages that the user's state rules out."""

from datetime import timedelta

import pytest
from playwright.sync_api import Route, expect

from tests.browser.page_object import Frontend
from tests.browser.site import PRODUCT, Site
from tests.support.users import PASSWORD


def test_reload_keeps_the_second_step_of_the_login(frontend: Frontend, site: Site) -> None:
    """A phone drops the tab while the user is in the authenticator app. The requested page is kept as well."""
    member = site.activate_two_factor(site.create_member(site.create_company(), "Test Member"))
    frontend.open("/account/sessions")
    frontend.expect_page(f"Log in to {PRODUCT}")
    frontend.fill("Email", member.email)
    frontend.fill("Password", PASSWORD)
    frontend.click_button("Login")
    frontend.expect_page("Confirm that it is you")
    frontend.page.reload()
    frontend.expect_page("Confirm that it is you")
    expect(frontend.page.get_by_role("link", name="Use a backup code instead")).to_be_visible()
    frontend.fill("One-time password", site.next_otp(member))

    frontend.expect_page("Sessions")
    assert frontend.page.evaluate("sessionStorage.length") == 0


def test_login_that_has_gone_says_so(frontend: Frontend, site: Site) -> None:
    """It expires after five minutes, on the page or while the tab is dropped. The link back to the login cancels it."""
    frontend.page.clock.install()
    member = site.activate_two_factor(site.create_member(site.create_company(), "Test Member"))
    frontend.submit_password(member)
    frontend.expect_page("Confirm that it is you")
    dropped = frontend.page.evaluate("sessionStorage.challenge")
    frontend.advance_browser_time(timedelta(minutes=5))
    expect_gone(frontend)
    frontend.page.evaluate("(dropped) => { sessionStorage.challenge = dropped; }", dropped)
    frontend.page.evaluate("history.replaceState(null, '', '#/login/otp')")
    frontend.page.reload()
    expect_gone(frontend)

    frontend.submit_password(member)
    frontend.click_link("Back to the login")
    frontend.expect_page(f"Log in to {PRODUCT}")
    assert frontend.page.evaluate("sessionStorage.length") == 0


def test_navigation_shows_that_it_works(frontend: Frontend, site: Site) -> None:
    """A bar is shown and the content is marked as busy until the page is there."""
    frontend.log_in(site.create_member(site.create_company(), "Test Member"))
    frontend.expect_page("Profile")
    held: list[Route] = []
    frontend.page.route("**/graphql", lambda route: held.append(route))  # noqa: PLW0108  # Playwright sets attributes
    frontend.click_link("Sessions")
    main = frontend.page.get_by_role("main")
    expect(frontend.page.get_by_role("progressbar", name="Loading")).to_be_visible()
    expect(main).to_have_attribute("aria-busy", "true")
    expect(frontend.page.get_by_role("status").filter(has_text="Loading")).to_have_count(1)
    held.pop().continue_()

    frontend.expect_page("Sessions")
    expect(frontend.page.get_by_role("progressbar")).to_have_count(0)
    expect(main).not_to_have_attribute("aria-busy", "true")


@pytest.mark.parametrize("path", ["/users/%", "/users/%E4", "/users/", "/users/user_%00", "/users/session_0"])
def test_url_of_no_user_is_no_blank_page(frontend: Frontend, site: Site, path: str) -> None:
    """The page says that there is no such user, also for broken percent-encoding and the id of something else."""
    frontend.log_in(site.create_admin(site.create_company(), "Test Admin"))
    frontend.open(path)

    frontend.expect_page("User not found")


@pytest.mark.parametrize("path", ["/%", "/nothing", "/account/nothing", "/users/a/b", "//", "main"])
def test_unknown_page_opens_the_own_account(frontend: Frontend, site: Site, path: str) -> None:
    """Without a session, it opens the login."""
    frontend.open(path)
    frontend.expect_page(f"Log in to {PRODUCT}")
    frontend.log_in(site.create_member(site.create_company(), "Test Member"))
    frontend.page.goto(f"/#{path}")

    frontend.expect_page("Profile")


def test_pages_that_the_state_of_the_user_rules_out_redirect(frontend: Frontend, site: Site) -> None:
    """The page reads the current state, which can have changed since the login."""
    company = site.create_company()
    admin = site.create_admin(company, "Test Admin")
    member = site.create_member(company, "Test Member")
    frontend.log_in(member)
    for page in ("deactivate", "backup-codes"):
        frontend.open(f"/account/security/{page}")
        frontend.expect_page("Security")
    for path in ("/users", f"/users/{member.user_id}", "/events", "/policy", "/login", "/login/otp"):
        frontend.open(path)
        frontend.expect_page("Profile")

    site.activate_two_factor(member)
    frontend.page.reload()
    frontend.log_in(member)
    frontend.open("/account/security/activate")
    frontend.expect_page("Security")
    site.set_policy(admin, backupCodesEnabled=False, twoFactorEnforced=True)
    for page in ("deactivate", "backup-codes"):
        frontend.open(f"/account/security/{page}")
        frontend.expect_page("Security")


def expect_gone(frontend: Frontend) -> None:
    """Assert that the login starts again, that the page says why, and that the tab stores nothing."""
    frontend.expect_page(f"Log in to {PRODUCT}")
    frontend.expect_notification("This login is no longer open")
    assert frontend.page.evaluate("sessionStorage.length") == 0
