"""Format the results: a table for the terminal and docs/performance.md, and a JSON file for the chart."""

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tools.bench import chart

# The benchmark replaces the text between `<!-- NAME -->` and `<!-- /NAME -->`.
BLOCK = re.compile(r"<!-- (\w+) -->\n.*?<!-- /\1 -->", re.DOTALL)


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
    chart.RESULTS.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    chart.main()
    blocks = {name: f"```\n{text.strip()}\n```\n" for name, text in outputs.items()}
    blocks["measured"] = f"{run}\n\n{format_table(rows)}"
    page = chart.DOCS / "performance.md"
    page.write_text(
        BLOCK.sub(lambda match: f"<!-- {match[1]} -->\n{blocks[match[1]]}<!-- /{match[1]} -->", page.read_text())
    )
