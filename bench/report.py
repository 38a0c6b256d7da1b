"""What was measured, told: a table for the terminal and for docs/performance.md, a JSON file and a picture."""

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"
# What stands between two comments of the same name is written by the benchmark.
BLOCK = re.compile(r"<!-- (\w+) -->\n.*?<!-- /\1 -->", re.DOTALL)

BAR = 300
LINE = 30
LEFT = 330


@dataclass(frozen=True)
class Row:
    """One thing that was measured."""

    group: str
    what: str
    value: str
    # What it is compared with, and how many times that it is.
    beside: str = ""
    ratio: float | None = None
    # The largest ratio that was aimed at.
    goal: float | None = None
    # For what is aimed at otherwise.
    aim: str = ""
    met: bool | None = None
    # Each round, in the order of its running.
    rounds: Sequence[float] = field(default_factory=tuple)

    @property
    def verdict(self) -> str:
        """Whether it is what was aimed at."""
        met = self.met if self.goal is None or self.ratio is None else self.ratio <= self.goal
        return "" if met is None else "met" if met else "missed"


def table(rows: Sequence[Row]) -> str:
    """All rows, as Markdown that can be read as it is."""
    head = ("", "measured", "beside it", "ratio", "aim", "")
    cells = [head]
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            cells.append((f"**{group}**", "", "", "", "", ""))
        aim = row.aim or (f"≤ {row.goal:g}" if row.goal else "")
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        cells.append((row.what, row.value, row.beside, ratio, aim, row.verdict))
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines) + "\n"


def picture(rows: Sequence[Row]) -> str:
    """The rows with a ratio and a goal as bars: as long as the goal where the ratio is the goal."""
    bars = [row for row in rows if row.ratio is not None and row.goal is not None]
    height = LINE * (len(bars) + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 {height}" font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{LEFT}" y="18" fill="#555">ratio to what stands beside it; the line is the aim</text>',
    ]
    for place, row in enumerate(bars, 1):
        top = LINE * place
        width = min(BAR * row.ratio / row.goal / 2, 420)  # type: ignore[operator]  # neither is None here
        colour = "#3a7d44" if row.verdict == "met" else "#b5651d"
        parts += [
            f'<text x="{LEFT - 8}" y="{top + 18}" text-anchor="end">{escape(row.what)}</text>',
            f'<rect x="{LEFT}" y="{top + 5}" width="{width:.0f}" height="18" fill="{colour}"/>',
            f'<text x="{LEFT + max(width, BAR / 2) + 6:.0f}" y="{top + 18}">',
            f"{row.ratio:.2f} (aim ≤ {row.goal:g})</text>",
        ]
    parts.append(f'<path d="M{LEFT + BAR // 2} {LINE} V{height - LINE}" stroke="#222" stroke-dasharray="4 3"/>')
    return "\n".join([*parts, "</svg>\n"])


def machine() -> str:
    """On what it was measured."""
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


def write(rows: Sequence[Row], printed: Mapping[str, str], seconds: float) -> None:
    """Put the table and what else was printed into docs/performance.md, and the JSON and the picture beside it."""
    where = f"`make bench`, {seconds:.0f} s: {machine()}."
    facts = {"measured": where, "rows": [asdict(row) | {"verdict": row.verdict} for row in rows]}
    (DOCS / "performance.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
    (DOCS / "performance.svg").write_text(picture(rows))
    blocks = {name: f"```\n{text.strip()}\n```\n" for name, text in printed.items()}
    blocks["measured"] = f"{where}\n\n{table(rows)}"
    page = DOCS / "performance.md"
    page.write_text(
        BLOCK.sub(lambda found: f"<!-- {found[1]} -->\n{blocks[found[1]]}<!-- /{found[1]} -->", page.read_text())
    )
