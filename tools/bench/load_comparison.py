"""Compare the client of the benchmark with httpx: `python -m tools.bench.load_comparison`.

Both send the same requests in turn to the `viewer` of the baseline, the fastest operation that the benchmark measures.
For each client the command prints the requests per second and the CPU time of the client.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import httpx
import uvloop

from tests.support.postgres import postgres_server
from tools.bench import load, seed_data
from tools.bench.environment import POSTGRES_OPTIONS, BenchEnvironment
from tools.bench.measures import CONNECTIONS

REQUESTS = 2_000
ROUNDS = 7
EXPECTED = b"ACTIVE"


def main() -> None:
    """Run both clients in turn and print the medians of the rounds."""
    clients: dict[str, Callable[[int, str], None]] = {"own client": _run_own_client, "httpx": _run_httpx}
    rates: dict[str, list[float]] = {name: [] for name in clients}
    cpu_ms: dict[str, list[float]] = {name: [] for name in clients}
    with (
        tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder,
        postgres_server(POSTGRES_OPTIONS) as postgres,
        ProcessPoolExecutor(1) as unused,
    ):
        environment = BenchEnvironment(postgres, Path(folder), unused)
        url, session_token = asyncio.run(_create_session(environment))
        with environment.run_baseline(url) as server:
            for _ in range(ROUNDS):
                for name, run in clients.items():
                    started, cpu = time.perf_counter(), time.process_time()
                    run(server.port, session_token)
                    rates[name].append(REQUESTS / (time.perf_counter() - started))
                    cpu_ms[name].append((time.process_time() - cpu) * 1000 / REQUESTS)
    for name in clients:
        rate, ms = statistics.median(rates[name]), statistics.median(cpu_ms[name])
        sys.stdout.write(f"{name}: {rate:,.0f} requests/s, {ms:.3f} ms CPU per request\n")


async def _create_session(environment: BenchEnvironment) -> tuple[str, str]:
    url = await environment.create_database("clients")
    async with environment.connect("/clients") as connection:
        company = await seed_data.create_company(connection, "acme", 10, 1)
        (session_token,) = await seed_data.create_sessions(connection, [company.enrolled[0].id])
    return url, session_token


def _run_own_client(port: int, session_token: str) -> None:
    request = load.build_request("/viewer", {}, session_token=session_token)
    outcome = load.run(port, [request] * REQUESTS, CONNECTIONS, EXPECTED)
    assert not outcome.failures, outcome.failure_examples


def _run_httpx(port: int, session_token: str) -> None:
    uvloop.run(_send_with_httpx(port, session_token))


async def _send_with_httpx(port: int, session_token: str) -> None:
    requests = iter(range(REQUESTS))

    async def send(client: httpx.AsyncClient) -> None:
        for _ in requests:
            response = await client.post("/viewer", json={})
            assert EXPECTED in response.content, response.text

    async with (
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {session_token}"}, trust_env=False
        ) as client,
        asyncio.TaskGroup() as sending,
    ):
        for _ in range(CONNECTIONS):
            sending.create_task(send(client))


if __name__ == "__main__":
    main()
