"""Visual check: accessibility and layout of every page, with screenshots; also colours, CSP and texts."""

import json
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.page_object import Frontend
from tests.browser.screenshot_run import visit_all_pages
from tests.browser.site import Site

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 720}
# For each colour scheme.
AXE_SIZES = {"en": (DESKTOP, PHONE), "de": (PHONE, DESKTOP)}
# WCAG 2.2, 1.4.10 (reflow): 320 px. 1280 px at a zoom of 200 % are 640 px for the page.
NARROW_SIZES = ({"width": 320, "height": 640}, {"width": 640, "height": 450})
# Returns the elements that overflow to the right, if the page scrolls sideways.
FIND_OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  const elements = [...document.querySelectorAll("body *")].filter(
    (element) => element.getBoundingClientRect().right > width + 1 && getComputedStyle(element).position !== "absolute",
  );
  const scrolls = document.documentElement.scrollWidth > width;
  return scrolls ? elements.map((element) => element.outerHTML.slice(0, 100)) : [];
}"""


def test_every_page_is_accessible_and_fits_small_screens(frontend: Frontend, site: Site, screenshots_dir: Path) -> None:
    """No violations (axe-core) and no sideways scrolling at 320 px or at a zoom of 200 %, in both languages.

    axe-core sees each language in each colour scheme and at each width.
    """
    problems: list[str] = []
    page = frontend.page

    def check(name: str, language: str) -> None:
        for scheme, size in zip(SCHEMES, AXE_SIZES[language], strict=True):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.set_viewport_size(size)  # type: ignore[arg-type]  # a TypedDict of Playwright
            label = f"{name}, {language}, {scheme}, {size['width']} px"
            problems.extend(f"{label}: {violation}" for violation in violations(page))
        for size in NARROW_SIZES:
            page.set_viewport_size(size)  # type: ignore[arg-type]  # the same
            label = f"{name}, {language}, {size['width']} px"
            problems.extend(f"{label}: {element}" for element in page.evaluate(FIND_OVERFLOW))

    def capture(name: str) -> None:
        check(name, "en")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for size in (DESKTOP, PHONE):
                page.set_viewport_size(size)  # type: ignore[arg-type]  # the same
                page.screenshot(path=screenshots_dir / f"{name}-{scheme}-{size['width']}.png", full_page=True)
        choose_language(page, "de")
        check(name, "de")
        page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]  # the same
        choose_language(page, "en")

    visit_all_pages(frontend, site, capture)

    assert problems == []


def test_chosen_colours_are_kept_after_reload(frontend: Frontend) -> None:
    """The choice overrides the colour scheme of the system."""
    frontend.open("/login")
    background = "getComputedStyle(document.body).backgroundColor"
    frontend.page.get_by_label("Colours").select_option("light")
    light = frontend.page.evaluate(background)
    frontend.page.get_by_label("Colours").select_option("dark")
    dark = frontend.page.evaluate(background)
    frontend.page.reload()
    frontend.expect_page("Log in to Northwind")

    assert light != dark == frontend.page.evaluate(background)


def test_csp_allows_only_own_files_and_no_inline_code(frontend: Frontend) -> None:
    """The Content-Security-Policy is sent with the page and with its files."""
    for path in ("/", "/web/main.js", "/web/config.json"):
        policy = frontend.page.request.get(path).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert "//" not in policy


def test_languages_have_the_same_keys_and_placeholders(frontend: Frontend) -> None:
    """English and German have the same texts, in the same order, with the same placeholders."""
    frontend.open("/login")
    texts = frontend.page.evaluate(
        """async () => {
          const [en, de] = await Promise.all(["en", "de"].map((name) => import(`/web/texts/${name}.js`)));
          return [en.default, de.default];
        }"""
    )
    english, german = texts
    assert list(english) == list(german)
    assert [placeholders(text) for text in english.values()] == [placeholders(text) for text in german.values()]


def placeholders(text: Any) -> list[str]:  # noqa: ANN401  # a text, or a singular and a plural
    """Return the names in braces. Of a text with a plural, check the plural: a singular can omit the count."""
    plural = text if isinstance(text, str) else text["other"]
    return sorted({part.partition("}")[0] for part in plural.split("{")[1:]})


def choose_language(page: Page, language: str) -> None:
    """Choose the language in the footer, and wait for the page in this language."""
    page.get_by_role("contentinfo").get_by_role("combobox").first.select_option(language)
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.get_by_role("main")).not_to_have_attribute("aria-busy", "true")


def violations(page: Page) -> list[str]:
    """Return the violations that axe-core finds, one line each."""
    # Skip the frames of emails: they run no scripts, so axe-core cannot run there.
    results = Axe().run(page, options={"iframes": False})
    return [
        f"{violation['id']}: {json.dumps(node['target'])} {node['failureSummary']}"
        for violation in results.response["violations"]
        for node in violation["nodes"]
    ]
