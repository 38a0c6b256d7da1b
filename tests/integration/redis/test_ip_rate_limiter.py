"""An IP rate limit that several processes share, and an unavailable store."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from security.ip_rate_limiter import IpRateLimiter
from tests.support.clock import Clock

ATTACKER = "203.0.113.7"
FAILURES_ALLOWED = 3


@pytest.fixture
def redis_port() -> int:
    """Return an unused port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def redis_url(redis_port: int, tmp_path: Path) -> Iterator[str]:
    """Run a Redis server for one test, and return its URL."""
    program = shutil.which("redis-server")
    assert program, "redis-server is missing: apt-get install redis-server"
    server = subprocess.Popen(
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


@pytest.mark.attack("B5")
async def test_failures_are_counted_across_processes(redis_url: str, clock: Clock) -> None:
    """Failures in one process count in the others, and another IP address does not have to wait."""
    first = IpRateLimiter(failures_allowed=FAILURES_ALLOWED, store_url=redis_url)
    second = IpRateLimiter(failures_allowed=FAILURES_ALLOWED, store_url=redis_url)
    for _ in range(FAILURES_ALLOWED):
        assert await first.retry_at(ATTACKER, clock.now) is None
        await first.record_failure(ATTACKER)
    retry_at = await second.retry_at(ATTACKER, clock.now)
    assert retry_at is not None
    assert retry_at > clock.now
    assert await second.retry_at("203.0.113.8", clock.now) is None
    await first.close()
    await second.close()


@pytest.mark.attack("B11")
async def test_unavailable_redis_does_not_block_attempts(redis_port: int, clock: Clock) -> None:
    """If the store is unavailable, attempts are allowed. The attempt limits in the database still apply."""
    limiter = IpRateLimiter(failures_allowed=1, store_url=f"async+redis://127.0.0.1:{redis_port}/0")
    for _ in range(3):
        assert await limiter.retry_at(ATTACKER, clock.now) is None
        await limiter.record_failure(ATTACKER)
    await limiter.close()
