"""Run the demo as a process."""

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.processes import Client, end, environment, start, wait_until


@dataclass
class Demo:
    """A running demo."""

    process: subprocess.Popen[str]
    data: Path

    @property
    def facts(self) -> Any:  # noqa: ANN401  # JSON can be anything
        """Return the content of `demo.json`."""
        return json.loads((self.data / "demo.json").read_text(encoding="utf-8"))

    @property
    def client(self) -> Client:
        """Return a client of the API."""
        return Client(self.facts["graphql_url"])

    def emails(self) -> list[Path]:
        """Return the files of the stored emails, oldest first."""
        return sorted(Path(self.facts["mail_dir"]).glob("*.eml"))


@contextmanager
def demo(data: Path, variables: Mapping[str, str] | None = None) -> Iterator[Demo]:
    """Start a demo with its data in a folder, wait until it is ready, and stop it by SIGINT when the block ends."""
    process = start("-m", "examples.demo", env=environment(PORT="0", DATA=str(data)) | dict(variables or {}))
    running = Demo(process, data)
    try:
        wait_until((data / "demo.json").exists, process)
        yield running
    finally:
        stdout, stderr = end(process, signal.SIGINT)
    assert process.returncode == 0, stdout + stderr
    assert stderr == ""
    assert not (data / "demo.json").exists()
