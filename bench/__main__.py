"""`python -m bench`: measure everything, print the table and write it into docs/. `--quick` only tries it out."""

import argparse
import asyncio
import multiprocessing
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.measures import FULL, QUICK, measure
from bench.report import machine, table, write
from bench.stage import POSTGRES_OPTIONS, Stage
from tests.support.postgres import postgres_server


def main() -> None:
    """Measure, and tell."""
    arguments = argparse.ArgumentParser(prog="bench", description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="few people, few rounds, and nothing is written")
    quick = arguments.parse_args().quick
    began = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder,
        postgres_server(POSTGRES_OPTIONS) as postgres,
        # Clients are processes of their own, so that the servers' CPU seconds are the servers' alone.
        ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as clients,
    ):
        rows = asyncio.run(measure(Stage(postgres, Path(folder), clients), QUICK if quick else FULL))
    printed = {} if quick else {name: _printed_by(f"bench.{name}") for name in ("layers", "trials")}
    seconds = time.perf_counter() - began
    sys.stdout.write("\n".join(["", table(rows), *printed.values(), f"{machine()}; {seconds:.0f} s\n"]))
    if not quick:
        write(rows, printed, seconds)


def _printed_by(module: str) -> str:
    """What a module prints that measures within its own process."""
    arguments = [sys.executable, "-m", module]
    return subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603  # our own


if __name__ == "__main__":
    main()
