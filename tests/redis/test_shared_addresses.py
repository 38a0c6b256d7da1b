"""Limits by address that several processes share: row B5 of the attacks, and B11 where the store is down."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.clock import Clock
from twofactor.addresses import AddressLimiter
from twofactor.errors import TooManyAttemptsError

ATTACKER = "203.0.113.7"
FAILURES_ALLOWED = 3


@pytest.fixture
def redis_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def redis_url(redis_port: int, tmp_path: Path) -> Iterator[str]:
    """A Redis server of the test's own."""
    program = shutil.which("redis-server")
    assert program, "redis-server is missing: apt-get install redis-server"
    server = subprocess.Popen(  # the program that was found above
        [program, "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    try:
        client = redis.Redis(port=redis_port, retry=redis.retry.Retry(redis.backoff.ConstantBackoff(0.05), 100))
        client.ping()
        client.close()
        yield f"async+redis://127.0.0.1:{redis_port}/0"
    finally:
        server.terminate()
        server.wait()


async def test_failures_of_an_address_count_over_all_processes(redis_url: str, clock: Clock) -> None:
    """What failed in one process is known to the others, and another address is not made to wait."""
    one = AddressLimiter(failures_allowed=FAILURES_ALLOWED, store_url=redis_url)
    other = AddressLimiter(failures_allowed=FAILURES_ALLOWED, store_url=redis_url)
    for _ in range(FAILURES_ALLOWED):
        await one.admit(ATTACKER, clock.now)
        await one.count_failure(ATTACKER)
    with pytest.raises(TooManyAttemptsError) as refusal:
        await other.admit(ATTACKER, clock.now)
    assert refusal.value.retry_at > clock.now
    await other.admit("203.0.113.8", clock.now)
    await one.close()
    await other.close()


async def test_a_redis_that_is_away_lets_the_budgets_of_the_accounts_stand_alone(redis_port: int, clock: Clock) -> None:
    """Nobody is locked out, and nothing fails, because the store of the second line of defence is down."""
    limiter = AddressLimiter(failures_allowed=1, store_url=f"async+redis://127.0.0.1:{redis_port}/0")
    for _ in range(3):
        await limiter.admit(ATTACKER, clock.now)
        await limiter.count_failure(ATTACKER)
    await limiter.close()
