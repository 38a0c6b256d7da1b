"""Run servers as processes and read their CPU seconds and memory from /proc (Linux)."""

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
    """A running server that answers requests."""

    pid: int
    port: int
    seconds_to_first_response: float

    def cpu(self) -> float:
        """Return the CPU seconds that the server and its worker processes have used."""
        return sum(map(cpu_seconds, process_tree(self.pid)))

    def event_loop_cpu(self) -> float:
        """Return the CPU seconds of the first thread. It runs the event loop; hashes are computed in other threads."""
        return _cpu_seconds_of_thread(Path(f"/proc/{self.pid}/task/{self.pid}"))

    def resident_mib(self) -> float:
        """Return the resident memory of the server and its worker processes, in MiB."""
        return sum(_resident_kib(pid) for pid in process_tree(self.pid)) / 1024


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
        yield Server(process.pid, port, time.perf_counter() - started)
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
    children: list[int] = []
    # The process can end between two reads.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (task / "children").read_text().split())
    return [pid, *(each for child in children for each in process_tree(child))]


def parent_of(pid: int) -> int:
    """Return the id of the parent of a process."""
    # The name can contain any character, so read after its closing parenthesis: state, then parent (proc(5)).
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of the running threads of a process. Ended threads are not counted."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return sum(map(_cpu_seconds_of_thread, Path(f"/proc/{pid}/task").iterdir()))
    return 0.0


def _cpu_seconds_of_thread(task: Path) -> float:
    # `schedstat` counts nanoseconds (Documentation/scheduler/sched-stats.rst); `stat` only hundredths of a second.
    return int((task / "schedstat").read_text().split()[0]) / 1e9


def _resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


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
