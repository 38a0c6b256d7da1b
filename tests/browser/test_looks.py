"""Looks and manners: every page is accessible in both colour schemes, fits small screens, and is pictured."""

import json
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.site import Site
from tests.browser.tour import tour
from tests.browser.visitor import Visitor

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 720}
# WCAG 2.2, 1.4.10 (reflow): 320 px. And 1280 px at a zoom of 200 %, where a page has 640 of its own.
NARROW = ({"width": 320, "height": 640}, {"width": 640, "height": 450})
# What sticks out to the right, where anything does.
STICKING_OUT = """() => {
  const width = document.documentElement.clientWidth;
  const elements = [...document.querySelectorAll("body *")].filter(
    (element) => element.getBoundingClientRect().right > width + 1 && getComputedStyle(element).position !== "absolute",
  );
  const scrolls = document.documentElement.scrollWidth > width;
  return scrolls ? elements.map((element) => element.outerHTML.slice(0, 100)) : [];
}"""


def test_every_page_is_accessible_and_fits_small_screens(visitor: Visitor, site: Site, pictures: Path) -> None:
    """axe-core finds nothing, in light and in dark; nothing scrolls sideways at 320 px or at a zoom of 200 %."""
    faults: list[str] = []

    def look(name: str) -> None:
        page = visitor.page
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            faults.extend(f"{name}, {scheme}: {fault}" for fault in violations(page))
            for size in (DESK, PHONE):
                page.set_viewport_size(size)  # type: ignore[arg-type]  # a TypedDict of Playwright's
                page.screenshot(path=pictures / f"{name}-{scheme}-{size['width']}.png", full_page=True)
            page.set_viewport_size(DESK)  # type: ignore[arg-type]  # the same
        for size in NARROW:
            page.set_viewport_size(size)  # type: ignore[arg-type]  # the same
            faults.extend(f"{name}, {size['width']} px: {element}" for element in page.evaluate(STICKING_OUT))
        page.set_viewport_size(DESK)  # type: ignore[arg-type]  # the same

    tour(visitor, site, look)

    assert faults == []


def test_the_colours_can_be_chosen(visitor: Visitor) -> None:
    """Whatever the system says; and the choice is remembered."""
    visitor.open("/login")
    ground = "getComputedStyle(document.body).backgroundColor"
    visitor.page.get_by_label("Colours").select_option("light")
    light = visitor.page.evaluate(ground)
    visitor.page.get_by_label("Colours").select_option("dark")
    dark = visitor.page.evaluate(ground)
    visitor.page.reload()
    visitor.sees_page("Log in to Northwind")

    assert light != dark == visitor.page.evaluate(ground)


def test_pages_load_nothing_from_elsewhere_and_run_nothing_inline(visitor: Visitor) -> None:
    """The policy says so, and holds for the page itself as for its files."""
    for path in ("/", "/web/main.js", "/web/config.json"):
        policy = visitor.page.request.get(path).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert "//" not in policy


def test_both_languages_have_the_same_texts(visitor: Visitor) -> None:
    """Each text has its place-holders in both, and no text is missing or left over in either."""
    visitor.open("/login")
    texts = visitor.page.evaluate(
        """async () => {
          const [en, de] = await Promise.all(["en", "de"].map((name) => import(`/web/texts/${name}.js`)));
          return [en.default, de.default];
        }"""
    )
    english, german = texts
    assert list(english) == list(german)
    assert [place_holders(text) for text in english.values()] == [place_holders(text) for text in german.values()]


def place_holders(text: Any) -> list[str]:  # noqa: ANN401  # one text, or one and many
    """The names in braces; what counts things need not say one."""
    words = text if isinstance(text, str) else text["other"]
    return sorted({part.partition("}")[0] for part in words.split("{")[1:]})


def violations(page: Page) -> list[str]:
    """What axe-core finds, one line each."""
    # The letters in frames are pages of their own, which run no scripts, axe's neither.
    found = Axe().run(page, options={"iframes": False})
    return [
        f"{violation['id']}: {json.dumps(node['target'])} {node['failureSummary']}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]
