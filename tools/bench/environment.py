"""The benchmark environment: a PostgreSQL server, databases, and the servers under test."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs

import asyncpg
import psutil

from models.database import Database
from tools.bench.processes import Server, free_port, process_tree, run_server
from tools.bench.seed_data import KEYS

# The options of the test server, except those that turn durability off: production keeps durability on.
POSTGRES_OPTIONS = (
    "listen_addresses=''",
    "shared_buffers=512MB",
    "max_wal_size=8GB",
    "checkpoint_timeout=30min",
    "max_connections=200",
)


@dataclass(frozen=True)
class BenchEnvironment:
    """A PostgreSQL server, a folder for all other files, and a pool of client processes."""

    postgres: SplitResult
    folder: Path
    clients: ProcessPoolExecutor

    async def create_database(self, name: str) -> str:
        """Create a database with empty tables and return its URL."""
        async with self.connect("/postgres") as connection:
            await connection.execute(f'CREATE DATABASE "{name}"')
        url = self.postgres._replace(path=f"/{name}").geturl()
        await migrate(url)
        return url

    @contextlib.asynccontextmanager
    async def connect(self, path: str) -> AsyncIterator[Any]:
        """Open a connection to the database of this URL path."""
        host = parse_qs(self.postgres.query).get("host", [self.postgres.hostname])[0]
        connection = await asyncpg.connect(
            host=host,
            port=self.postgres.port or 5432,
            user=self.postgres.username,
            password=self.postgres.password,
            database=path.removeprefix("/"),
        )
        try:
            yield connection
        finally:
            await connection.close()

    @contextlib.contextmanager
    def run_product(self, url: str, *, workers: int = 1) -> Iterator[Server]:
        """Run the product in production mode."""
        port = free_port()
        environment = {
            "COUNTERSIGN_MODE": "production",
            "COUNTERSIGN_DATABASE_URL": url,
            "COUNTERSIGN_SECRET_KEYS": KEYS,
            "COUNTERSIGN_PORT": str(port),
            "COUNTERSIGN_WORKERS": str(workers),
            "COUNTERSIGN_FAILURES_PER_ADDRESS": "1000000",
            "COUNTERSIGN_STRANGERS_PER_ADDRESS": "1000000",
            "COUNTERSIGN_COST_PER_MINUTE": "1000000000",
        }
        with run_server(["-m", "cli", "serve"], environment, port, self.folder / "product.log") as server:
            yield server

    @contextlib.contextmanager
    def run_baseline(self, url: str) -> Iterator[Server]:
        """Run the handwritten handlers of `tools/bench/baseline.py`."""
        port = free_port()
        environment = {
            "COUNTERSIGN_DATABASE_URL": url,
            "COUNTERSIGN_SECRET_KEYS": KEYS,
            "COUNTERSIGN_PORT": str(port),
        }
        with run_server(["-m", "tools.bench.baseline"], environment, port, self.folder / "baseline.log") as server:
            yield server


async def migrate(url: str) -> None:
    """Create the tables."""
    database = Database(url)
    await database.open()
    try:
        await database.migrate()
    finally:
        await database.close()


async def postgres_processes(connection: Any) -> list[int]:  # noqa: ANN401  # asyncpg has no types
    """Return the ids of all processes of the PostgreSQL server."""
    backend = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
    return process_tree(backend.ppid())
