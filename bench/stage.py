"""What is measured on: PostgreSQL from PyPI, databases with people in them, and the servers."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs

import asyncpg

from bench.people import KEYS
from bench.processes import Server, free_port, parent_of, process_tree, running
from models.database import Database

# As PyPI's server is set for tests, but for what a power cut would lose: production keeps it.
POSTGRES_OPTIONS = (
    "listen_addresses=''",
    "shared_buffers=512MB",
    "max_wal_size=8GB",
    "checkpoint_timeout=30min",
    "max_connections=200",
)


@dataclass(frozen=True)
class Stage:
    """A PostgreSQL server, a folder for everything else, and processes that send requests."""

    postgres: SplitResult
    folder: Path
    clients: ProcessPoolExecutor

    async def make_database(self, name: str) -> str:
        """Make a database with empty tables. Its URL."""
        async with self.connected("/postgres") as connection:
            await connection.execute(f'CREATE DATABASE "{name}"')
        url = self.postgres._replace(path=f"/{name}").geturl()
        await migrate(url)
        return url

    @contextlib.asynccontextmanager
    async def connected(self, path: str) -> AsyncIterator[Any]:
        """A connection to the database of this path."""
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
    def product(self, url: str, *, workers: int = 1) -> Iterator[Server]:
        """The product, served as in production."""
        port = free_port()
        environment = {
            "COUNTERSIGN_MODE": "production",
            "COUNTERSIGN_DATABASE_URL": url,
            "COUNTERSIGN_SECRET_KEYS": KEYS,
            "COUNTERSIGN_PORT": str(port),
            "COUNTERSIGN_WORKERS": str(workers),
            "COUNTERSIGN_FAILURES_PER_ADDRESS": "1000000",
        }
        with running(["-m", "cli", "serve"], environment, port, self.folder / "product.log") as server:
            yield server

    @contextlib.contextmanager
    def floor(self, url: str) -> Iterator[Server]:
        """The handlers written by hand."""
        port = free_port()
        environment = {
            "COUNTERSIGN_DATABASE_URL": url,
            "COUNTERSIGN_SECRET_KEYS": KEYS,
            "COUNTERSIGN_PORT": str(port),
        }
        with running(["-m", "bench.floor"], environment, port, self.folder / "floor.log") as server:
            yield server


async def migrate(url: str) -> None:
    """Make the tables."""
    database = Database(url)
    await database.open()
    try:
        await database.migrate()
    finally:
        await database.close()


async def postgres_processes(connection: Any) -> list[int]:  # noqa: ANN401  # asyncpg has no types
    """The processes of the PostgreSQL server."""
    return process_tree(parent_of(await connection.fetchval("SELECT pg_backend_pid()")))
