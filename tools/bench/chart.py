"""Draw docs/performance.svg from docs/performance.json: `python -m tools.bench.chart`."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

DOCS = Path(__file__).parents[2] / "docs"
RESULTS = DOCS / "performance.json"
CHART = DOCS / "performance.svg"

LINE_HEIGHT_INCHES = 0.3


def draw_chart(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return an SVG bar chart of the rows that have a target ratio. The dashed line is the target of all rows."""
    bars = [row for row in rows if row["ratio"] is not None and row["max_ratio"] is not None]
    # With a fixed salt and without metadata, the same rows give the same bytes. Texts stay texts, not outlines.
    with mpl.rc_context({"svg.hashsalt": "performance", "svg.fonttype": "none"}):
        figure = Figure(figsize=(9, LINE_HEIGHT_INCHES * (len(bars) + 2)), layout="constrained")
        axes = figure.subplots()
        for position, row in enumerate(bars):
            share = row["ratio"] / row["max_ratio"]
            axes.barh(position, share, color="tab:green" if row["result"] == "met" else "tab:orange")
            label = f"{row['ratio']:.2f} (target ≤ {row['max_ratio']:g})"
            # To the right of the dashed line, even if the bar is shorter.
            axes.text(max(share, 1) + 0.03, position, label, verticalalignment="center")
        axes.axvline(1, color="black", linestyle="--")
        axes.set_yticks(range(len(bars)), [row["name"] for row in bars])
        axes.invert_yaxis()
        axes.margins(x=0.35, y=0.01)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title("ratio to the compared value, divided by its target")
        svg = io.StringIO()
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return svg.getvalue()


def main() -> None:
    """Draw the chart of the published results."""
    CHART.write_text(draw_chart(json.loads(RESULTS.read_text())["rows"]))


if __name__ == "__main__":
    main()
