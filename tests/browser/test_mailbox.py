"""The mailbox of the demo."""

from playwright.sync_api import expect

from tests.browser.site import Site
from tests.browser.visitor import Visitor


def test_letters_are_read_as_text_and_as_html(visitor: Visitor, site: Site) -> None:
    """The newest first. The HTML looks as it was written, in a frame that runs nothing."""
    person = site.activate(site.person(site.company(), "Lotte Letter"))
    letter = visitor.letter(person.email, "Two-factor authentication is active")
    visitor.page.goto("/mailbox")
    visitor.sees_page("Mailbox of the demo")

    article = visitor.page.get_by_role("article").filter(has_text=person.email)
    expect(visitor.page.get_by_role("article").first).to_contain_text(person.email)
    expect(article.get_by_text(f"Hello {person.name},")).to_be_visible()
    article.get_by_text("As HTML").click()
    frame = article.frame_locator("iframe")
    expect(frame.get_by_role("heading", name=letter["subject"])).to_be_visible()
    expect(frame.locator("body")).to_have_css("line-height", "24px")
    expect(article.locator("iframe")).to_have_attribute("sandbox", "")


def test_only_letters_of_the_folder_are_served(visitor: Visitor) -> None:
    """No name leads out of it."""
    for name in ("..", "%2e%2e%2fsite", "..%2Fsite.sqlite3", "nothing"):
        assert visitor.page.request.get(f"/mailbox/letters/{name}").status == 404
