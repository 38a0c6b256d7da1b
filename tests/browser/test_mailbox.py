"""The mailbox of the demo."""

from playwright.sync_api import expect

from tests.browser.page_object import Frontend
from tests.browser.site import Site


def test_email_is_shown_as_text_and_as_html(frontend: Frontend, site: Site) -> None:
    """The HTML keeps its styles, in a sandboxed frame that runs no scripts."""
    member = site.activate_two_factor(site.create_member(site.create_company(), "Test Member"))
    email = frontend.wait_for_email(member.email, "Two-factor authentication is active")
    frontend.page.goto("/mailbox")
    frontend.expect_page("Mailbox of the demo")

    article = frontend.page.get_by_role("article").filter(has_text=member.email)
    # Only the newest email is open, and that can be one to a user of an earlier test.
    article.locator("details").first.evaluate("(details) => { details.open = true; }")
    expect(article.get_by_text(f"Hello {member.name},")).to_be_visible()
    article.get_by_text("As HTML").click()
    frame = article.frame_locator("iframe")
    expect(frame.get_by_role("heading", name=email["subject"])).to_be_visible()
    expect(frame.locator("body")).to_have_css("line-height", "24px")
    expect(article.locator("iframe")).to_have_attribute("sandbox", "")


def test_mailbox_serves_only_files_of_its_folder(frontend: Frontend) -> None:
    """A name with `..` does not leave the folder (path traversal)."""
    for name in ("..", "%2e%2e%2fsite", "..%2Fsite.sqlite3", "nothing"):
        assert frontend.page.request.get(f"/mailbox/emails/{name}").status == 404
