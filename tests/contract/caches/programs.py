"""Run Node programs that use the clients of others, with the operations of the guide."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

from tests.contract.docs.markdown import ROOT, code_blocks, guide_pages

FOLDER = Path(__file__).parent
TIMEOUT_S = 120


def guide() -> dict[str, dict[str, str]]:
    """Return the operations of each page of the guide by their names."""
    return {
        page.name: {
            block.text.partition("{")[0].partition("(")[0].split()[1]: block.text
            for block in code_blocks(page)
            if block.kind == "graphql"
        }
        for page in guide_pages()
    }


async def run_program(folder: Path, program: str, *arguments: str, **facts: Any) -> str:  # noqa: ANN401  # any JSON
    """Run a program with facts in a file, and return its output. If the program fails, so does the test."""
    node = shutil.which("node")
    assert node, "node is missing: apt-get install nodejs"
    files = {name: str(ROOT / f"{name}.json") for name in ("cachePolicies", "possibleTypes")}
    settings = folder / "settings.json"
    settings.write_text(json.dumps({"guide": guide(), **files, **facts}), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        node, FOLDER / program, settings, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, output.decode()
    return output.decode()
