"""Run servers as processes, and measure their CPU seconds and memory (Linux)."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30


@dataclass(frozen=True)
class Server:
    """A running server that answers requests."""

    pid: int
    port: int
    seconds_to_first_response: float
    # The ids of the server and its worker processes. To find them takes several milliseconds, so it is done once.
    processes: Sequence[int]

    def cpu(self) -> float:
        """Return the CPU seconds that the server and its worker processes have used."""
        return sum(map(cpu_seconds, self.processes))

    def event_loop_cpu(self) -> float:
        """Return the CPU seconds of the first thread. It runs the event loop; hashes are computed in other threads."""
        return _cpu_seconds_of_thread(Path(f"/proc/{self.pid}/task/{self.pid}"))

    def resident_mib(self) -> float:
        """Return the resident memory of the server and its worker processes, in MiB."""
        sizes: list[int] = [psutil.Process(pid).memory_info().rss for pid in self.processes]
        return sum(sizes) / 2**20


@contextlib.contextmanager
def run_server(arguments: list[str], environment: Mapping[str, str], port: int, log: Path) -> Iterator[Server]:
    """Run a Python program that serves HTTP on this port, and stop it when the block ends."""
    started = time.perf_counter()
    with log.open("ab") as output:
        process = subprocess.Popen(  # fixed arguments
            [sys.executable, *arguments],
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_ready(process, port, log)
        seconds_to_first_response = time.perf_counter() - started
        yield Server(process.pid, port, seconds_to_first_response, process_tree(process.pid))
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def busy_cores() -> Iterator[None]:
    """Run one endless loop on each core, at the lowest priority."""
    spin = "import os\nos.nice(19)\nwhile True: pass"
    programs = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(os.cpu_count() or 1)]  # fixed arguments
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def free_port() -> int:
    """Return a port of the loopback interface that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def process_tree(pid: int) -> list[int]:
    """Return the ids of a process and of all its descendants."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of the running threads of a process. Ended threads are not counted."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return sum(map(_cpu_seconds_of_thread, Path(f"/proc/{pid}/task").iterdir()))
    return 0.0


def _cpu_seconds_of_thread(task: Path) -> float:
    # `schedstat` counts nanoseconds (Documentation/scheduler/sched-stats.rst). psutil reads `stat`, which counts only
    # hundredths of a second. Most transactions of `make bench-cleanup` take less.
    return int((task / "schedstat").read_text().split()[0]) / 1e9


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.perf_counter() + START_TIMEOUT_S
    while time.perf_counter() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    message = f"the server is not ready: {log.read_text()[-2000:]}"
    raise RuntimeError(message)
