"""Run all benchmarks, print the table and write the results into docs/.

Usage: `python -m tools.bench` or `make bench`. With `--quick` the run is short and writes nothing.
"""

import argparse
import asyncio
import multiprocessing
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.support.postgres import postgres_server
from tools.bench.environment import POSTGRES_OPTIONS, BenchEnvironment
from tools.bench.measures import FULL, QUICK, measure
from tools.bench.report import describe_machine, format_table, write_results


def main() -> None:
    """Run the benchmarks and print the results."""
    arguments = argparse.ArgumentParser(prog="bench", description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="use few users and few rounds, and write no files")
    quick = arguments.parse_args().quick
    started = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder,
        postgres_server(POSTGRES_OPTIONS) as postgres,
        # The clients run in their own processes, so that the CPU seconds of a server process contain no client work.
        ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as clients,
    ):
        rows = asyncio.run(measure(BenchEnvironment(postgres, Path(folder), clients), QUICK if quick else FULL))
    outputs = {} if quick else {name: _run_module(f"tools.bench.{name}") for name in ("profile", "microbenchmarks")}
    seconds = time.perf_counter() - started
    sys.stdout.write("\n".join(["", format_table(rows), *outputs.values(), f"{describe_machine()}; {seconds:.0f} s\n"]))
    if not quick:
        write_results(rows, outputs, seconds)


def _run_module(module: str) -> str:
    """Run a module that measures within its own process, and return its output."""
    arguments = [sys.executable, "-m", module]
    return subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
