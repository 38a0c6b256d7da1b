"""The chart of docs/performance.md shows the published results."""

import json
import re
from html import unescape

from tools.bench.chart import CHART, RESULTS, draw_chart

ROWS = json.loads(RESULTS.read_text())["rows"]


def texts(svg: str) -> list[str]:
    """Return the texts of an SVG file."""
    return [unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def test_chart_shows_each_ratio_that_has_a_target() -> None:
    """If `python -m tools.bench.chart` would change a text of the chart, this test fails."""
    expected = [
        text
        for row in ROWS
        if row["ratio"] is not None and row["max_ratio"] is not None
        for text in (row["name"], f"{row['ratio']:.2f} (target ≤ {row['max_ratio']:g})")
    ]
    shown = texts(CHART.read_text())

    assert expected
    assert sorted(texts(draw_chart(ROWS))) == sorted(shown)
    assert set(expected) <= set(shown)


def test_chart_of_the_same_results_has_the_same_bytes() -> None:
    """A new chart differs only if the results do."""
    assert draw_chart(ROWS) == draw_chart(ROWS)
