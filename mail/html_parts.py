"""The HTML of the parts of an email. The templates contain plain text, so that text and HTML say the same."""

from markupsafe import Markup

PARAGRAPH = Markup('<p style="margin: 0 0 16px;">{}</p>\n')
TERM = Markup('<dt style="margin: 0; font-weight: bold;">{}</dt>\n')
DESCRIPTION = Markup('<dd style="margin: 0 0 8px; overflow-wrap: anywhere;">{}</dd>\n')
HEADING = Markup('<h2 style="margin: 0 0 8px; font-size: 17px;">{}</h2>\n')


def paragraphs(text: Markup) -> Markup:
    """Return a paragraph for each part of the text that blank lines separate."""
    return Markup().join(PARAGRAPH.format(part) for part in text.strip().split("\n\n"))


def description_list(text: Markup) -> Markup:
    """Return a term with a description for each line `term: description`."""
    pairs = (line.split(": ", 1) for line in text.strip().splitlines())
    return Markup().join(TERM.format(term) + DESCRIPTION.format(description) for term, description in pairs)


def paragraph_with_heading(text: Markup) -> Markup:
    """Return the first line as a heading and the rest as a paragraph."""
    heading, paragraph = text.strip().split("\n", 1)
    return HEADING.format(heading) + PARAGRAPH.format(paragraph)
