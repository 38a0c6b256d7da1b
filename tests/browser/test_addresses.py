"""The address of a list: it can be sent to a colleague, the back button works, and old addresses show the list."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.page_object import Frontend
from tests.browser.site import Site
from tests.support.users import PASSWORD

UNKNOWN = "Part of this address does not exist"


def rows(frontend: Frontend) -> Locator:
    """Return the rows of the list of users."""
    return frontend.page.locator("tbody").get_by_role("row")


def events(frontend: Frontend) -> Locator:
    """Return the events of a timeline."""
    return frontend.page.get_by_role("main").locator(".timeline").get_by_role("listitem")


def test_statistics_link_to_a_list_that_a_colleague_can_open(
    frontend: Frontend, new_frontend: Callable[..., Frontend], site: Site
) -> None:
    """The colleague logs in first, with a second factor. The back button returns to the whole list."""
    company = site.create_company()
    admin = site.create_admin(company, "Test Admin")
    colleague = site.activate_two_factor(site.create_admin(company, "Other Admin"))
    site.disable(site.create_member(company, "Former Member"))
    frontend.log_in(admin)
    frontend.click_link("Users")
    expect(rows(frontend)).to_have_count(2)
    numbers = frontend.page.locator(".chart-legend").get_by_role("listitem")
    expect(numbers).to_have_text(
        [
            "2FA active1",
            "2FA inactive1",
            "Two backup codes or fewer0",
            "Setup of 2FA required now0",
            "Login locked0",
            "Disabled1",
        ]
    )
    frontend.click_link("2FA inactive")
    expect(rows(frontend)).to_have_count(1)
    expect(rows(frontend)).to_contain_text("Test Admin")
    address = frontend.page.url
    frontend.click_link("Disabled")
    expect(rows(frontend)).to_contain_text("Former Member")
    frontend.page.go_back()
    expect(rows(frontend)).to_contain_text("Test Admin")
    frontend.page.go_back()
    expect(rows(frontend)).to_have_count(2)

    other = new_frontend()
    other.page.goto(address)
    other.fill("Email", colleague.email)
    other.fill("Password", PASSWORD)
    other.click_button("Login")
    other.expect_page("Confirm that it is you")
    other.fill("One-time password", site.next_otp(colleague))

    other.expect_page("Users")
    expect(rows(other)).to_have_count(1)
    expect(rows(other)).to_contain_text("Test Admin")
    expect(other.page.get_by_label("2FA", exact=True)).to_have_value("INACTIVE")


def test_lists_keep_their_place_on_a_phone_in_german(new_frontend: Callable[..., Frontend], site: Site) -> None:
    """A reload shows the same page of users, and the same older events. The back button returns to the newer ones."""
    company = site.create_company()
    admin = site.create_admin(company, "Test Admin")
    for number in range(11):
        site.create_member(company, f"User{number:02} Member")
    for _ in range(13):
        site.log_in_and_out(admin)
    frontend = new_frontend(viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    frontend.log_in(admin)
    frontend.page.get_by_role("contentinfo").get_by_role("combobox").first.select_option("de")
    frontend.open("/users?orderBy=NAME&account=all")
    frontend.expect_page("Benutzer")
    expect(rows(frontend)).to_have_count(10)
    frontend.click_link("Nächste Seite")
    expect(rows(frontend)).to_have_count(2)
    second_page = rows(frontend).all_inner_texts()
    frontend.page.reload()
    expect(rows(frontend)).to_have_count(2)
    assert rows(frontend).all_inner_texts() == second_page
    frontend.page.go_back()
    expect(rows(frontend)).to_have_count(10)

    frontend.open("/events")
    expect(events(frontend)).to_have_count(25)
    frontend.click_button("Ältere Ereignisse zeigen")
    expect(events(frontend)).not_to_have_count(25)
    older = events(frontend).all_inner_texts()[25:]
    frontend.page.reload()
    expect(events(frontend)).to_have_count(len(older))
    assert events(frontend).all_inner_texts() == older
    frontend.page.go_back()
    expect(events(frontend)).to_have_count(25)
    frontend.page.go_forward()
    frontend.click_link("Die neuesten Ereignisse zeigen")
    expect(events(frontend)).to_have_count(25)


@pytest.mark.parametrize(
    ("path", "address", "heading"),
    [
        ("/users?role=FOO&twoFactor=INACTIVE", "/users?twoFactor=INACTIVE", "Users"),
        ("/users?orderBy=email", "/users", "Users"),
        ("/users?account=all&after=old&previous=older", "/users?account=all", "Users"),
        (f"/users?search={'x' * 201}", "/users", "Users"),
        ("/events?kind=FOO&since=2026-02-31&until=2026-02-28", "/events?until=2026-02-28", "Events"),
        ("/events?until=9999-12-31", "/events", "Events"),
        ("/events?kind=LOGIN_FAILED&after=old", "/events?kind=LOGIN_FAILED", "Events"),
        ("/account/activity?after=old", "/account/activity", "Activity"),
    ],
)
def test_unknown_part_of_an_address_is_left_out(
    frontend: Frontend, site: Site, path: str, address: str, heading: str
) -> None:
    """The page says so. The rest of the address stays."""
    admin = site.create_admin(site.create_company(), "Test Admin")
    frontend.log_in(admin)
    frontend.open("/account/sessions")
    frontend.expect_page("Sessions")

    frontend.open(path)

    frontend.expect_page(heading)
    frontend.expect_notification(UNKNOWN)
    assert frontend.page.url.partition("#")[2] == address
    frontend.page.go_back()
    frontend.expect_page("Sessions")


@pytest.mark.parametrize("path", ["/users?search=&role=&after=", "/users?unknown=1&__proto__=1", "/events?kind="])
def test_empty_and_other_values_are_ignored(frontend: Frontend, site: Site, path: str) -> None:
    """A form sends empty values."""
    frontend.log_in(site.create_admin(site.create_company(), "Test Admin"))
    frontend.open(path)

    frontend.expect_page("Users" if path.startswith("/users") else "Events")
    expect(frontend.page.locator("#notifications")).to_be_empty()
    expect(frontend.page.get_by_role("link", name="Previous page")).to_have_count(0)
