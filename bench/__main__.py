"""`python -m bench`: measure everything, print the table and write it into docs/. `--quick` only tries it out."""

import argparse
import asyncio
import multiprocessing
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
    seconds = time.perf_counter() - began
    sys.stdout.write(f"\n{table(rows)}\n{machine()}; {seconds:.0f} s\n")
    if not quick:
        write(rows, seconds)


if __name__ == "__main__":
    main()
