"""Servers as processes of their own, and what they take: CPU seconds and memory, as Linux counts them in /proc."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    pid: int
    port: int
    seconds_to_first_answer: float

    def cpu(self) -> float:
        """The CPU seconds that it and its worker processes have taken."""
        return sum(map(cpu_seconds, process_tree(self.pid)))

    def cpu_of_event_loop(self) -> float:
        """The CPU seconds that its first thread has taken, which runs the event loop; hashes are made in others."""
        return _cpu_seconds_of_thread(Path(f"/proc/{self.pid}/task/{self.pid}"))

    def resident_mib(self) -> float:
        """The memory that it and its worker processes hold."""
        return sum(_resident_kib(pid) for pid in process_tree(self.pid)) / 1024


@contextlib.contextmanager
def running(arguments: list[str], environment: Mapping[str, str], port: int, log: Path) -> Iterator[Server]:
    """A Python program that serves HTTP on a port, until the block ends."""
    began = time.perf_counter()
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  # our own arguments
            [sys.executable, *arguments],
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for_answer(process, port, log)
        yield Server(process.pid, port, time.perf_counter() - began)
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def cores_kept_busy() -> Iterator[None]:
    """A program for each core that gives way to every other, and never rests."""
    spin = "import os\nos.nice(19)\nwhile True: pass"
    programs = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(os.cpu_count() or 1)]  # noqa: S603  # ours
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def process_tree(pid: int) -> list[int]:
    """A process and all that it has started."""
    children: list[int] = []
    # A process may end while it is looked at.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (task / "children").read_text().split())
    return [pid, *(each for child in children for each in process_tree(child))]


def parent_of(pid: int) -> int:
    """The process that started a process."""
    # What stands after the name, which may hold anything: the state, and then the parent (proc(5)).
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def cpu_seconds(pid: int) -> float:
    """The CPU seconds of a process whose threads live on."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return sum(map(_cpu_seconds_of_thread, Path(f"/proc/{pid}/task").iterdir()))
    return 0.0


def _cpu_seconds_of_thread(task: Path) -> float:
    # In nanoseconds (Documentation/scheduler/sched-stats.rst), where `stat` counts hundredths of a second.
    return int((task / "schedstat").read_text().split()[0]) / 1e9


def _resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def _wait_for_answer(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.perf_counter() + START_TIMEOUT_S
    while time.perf_counter() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    message = f"the server does not answer: {log.read_text()[-2000:]}"
    raise RuntimeError(message)
