"""Format the results: a table for the terminal and docs/performance.md, a JSON file and an SVG chart."""

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
# The benchmark replaces the text between `<!-- NAME -->` and `<!-- /NAME -->`.
BLOCK = re.compile(r"<!-- (\w+) -->\n.*?<!-- /\1 -->", re.DOTALL)

# In pixels. A bar of half of BAR_WIDTH has the target ratio.
BAR_WIDTH = 300
MAX_BAR_WIDTH = 420
LINE_HEIGHT = 30
LABEL_WIDTH = 330


@dataclass(frozen=True)
class Row:
    """One measured value and its target."""

    group: str
    name: str
    value: str
    # The value that it is compared with, and `value` divided by it.
    comparison: str = ""
    ratio: float | None = None
    # The largest acceptable ratio.
    max_ratio: float | None = None
    # The target if it is not a ratio, and whether it is met.
    target: str = ""
    is_met: bool | None = None
    # The value of each round, in the order in which the rounds ran.
    rounds: Sequence[float] = field(default_factory=tuple)

    @property
    def result(self) -> str:
        """`met` or `missed`, or an empty string if there is no target."""
        is_met = self.is_met if self.max_ratio is None or self.ratio is None else self.ratio <= self.max_ratio
        return "" if is_met is None else "met" if is_met else "missed"


def format_table(rows: Sequence[Row]) -> str:
    """Return a Markdown table whose columns are aligned."""
    head = ("", "measured", "compared with", "ratio", "target", "result")
    cells = [head]
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            cells.append((f"**{group}**", "", "", "", "", ""))
        target = row.target or (f"≤ {row.max_ratio:g}" if row.max_ratio else "")
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        cells.append((row.name, row.value, row.comparison, ratio, target, row.result))
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines) + "\n"


def draw_chart(rows: Sequence[Row]) -> str:
    """Return an SVG bar chart of the rows that have a target ratio. All targets are at the same dashed line."""
    bars = [row for row in rows if row.ratio is not None and row.max_ratio is not None]
    height = LINE_HEIGHT * (len(bars) + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 {height}" font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{LABEL_WIDTH}" y="18" fill="#555">ratio to the compared value; the dashed line is the target</text>',
    ]
    for position, row in enumerate(bars, 1):
        top = LINE_HEIGHT * position
        width = min(BAR_WIDTH * row.ratio / row.max_ratio / 2, MAX_BAR_WIDTH)  # type: ignore[operator]  # neither is None here
        colour = "#3a7d44" if row.result == "met" else "#b5651d"
        parts += [
            f'<text x="{LABEL_WIDTH - 8}" y="{top + 18}" text-anchor="end">{escape(row.name)}</text>',
            f'<rect x="{LABEL_WIDTH}" y="{top + 5}" width="{width:.0f}" height="18" fill="{colour}"/>',
            f'<text x="{LABEL_WIDTH + max(width, BAR_WIDTH / 2) + 6:.0f}" y="{top + 18}">',
            f"{row.ratio:.2f} (target ≤ {row.max_ratio:g})</text>",
        ]
    line = LABEL_WIDTH + BAR_WIDTH // 2
    parts.append(f'<path d="M{line} {LINE_HEIGHT} V{height - LINE_HEIGHT}" stroke="#222" stroke-dasharray="4 3"/>')
    return "\n".join([*parts, "</svg>\n"])


def describe_machine() -> str:
    """Return the time, the machine, the versions of Linux and Python, and the load averages."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores of {model}, Linux {platform.release()}, "
        f"Python {platform.python_version()}, load averages at the end {load}"
    )


def write_results(rows: Sequence[Row], outputs: Mapping[str, str], seconds: float) -> None:
    """Write the table and the outputs of other modules into docs/performance.md, and the JSON file and the chart."""
    run = f"`make bench`, {seconds:.0f} s: {describe_machine()}."
    content = {"measured": run, "rows": [asdict(row) | {"result": row.result} for row in rows]}
    (DOCS / "performance.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    (DOCS / "performance.svg").write_text(draw_chart(rows))
    blocks = {name: f"```\n{text.strip()}\n```\n" for name, text in outputs.items()}
    blocks["measured"] = f"{run}\n\n{format_table(rows)}"
    page = DOCS / "performance.md"
    page.write_text(
        BLOCK.sub(lambda match: f"<!-- {match[1]} -->\n{blocks[match[1]]}<!-- /{match[1]} -->", page.read_text())
    )
