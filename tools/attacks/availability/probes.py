"""Requests of users who do nothing wrong. They measure what these users notice of an attack.

Each request has a connection of its own, and is sent at its time, whether earlier ones are answered or not.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import uvloop

from tests.support.factories import FactoryUser
from tests.support.operations import DEACTIVATE_TWO_FACTOR, LOGIN, VIEWER
from tests.support.users import PASSWORD
from tools.attacks.availability.http import connect
from tools.bench.load import build_request, p99

# A user gives up after this time.
PATIENCE_S = 10
# The users take turns, so that one user has few requests at the same time.
OWNERS = 100
LOGIN_PROBE = "login"


@dataclass(frozen=True)
class Probe:
    """A kind of request."""

    name: str
    per_second: int
    # The outcome of a request that is not refused.
    success: str


PROBES = (
    Probe(LOGIN_PROBE, 4, "LoggedIn"),
    Probe("viewer", 20, "User"),
    # It needs one password hash and changes nothing, since the owners have no 2FA.
    Probe("deactivateTwoFactor", 4, "TwoFactorNotActive"),
    Probe("/health/alive", 20, "200"),
)


@dataclass
class ProbeResult:
    """The outcomes of the requests of a probe."""

    latencies: list[float] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)

    @property
    def sent(self) -> int:
        """The number of requests."""
        return len(self.latencies) + self.refusals.total()

    @property
    def p99(self) -> float:
        """The 99th percentile of the requests that were not refused, in seconds. Infinite if all were refused."""
        return p99(self.latencies) if self.latencies else float("inf")


def run_probes(
    port: int, owners: Sequence[FactoryUser], seconds: float, patience_s: float
) -> Mapping[str, ProbeResult]:
    """Send all requests of `seconds` to a server, and return the results by the names of the probes."""
    return uvloop.run(_run_probes(port, owners, seconds, patience_s))


async def _run_probes(
    port: int, owners: Sequence[FactoryUser], seconds: float, patience_s: float
) -> Mapping[str, ProbeResult]:
    results = {probe.name: ProbeResult() for probe in PROBES}
    async with asyncio.TaskGroup() as sending:

        async def run(probe: Probe) -> None:
            started = time.perf_counter()
            for number in range(int(seconds * probe.per_second)):
                await asyncio.sleep(started + number / probe.per_second - time.perf_counter())
                request = _request(probe, number, owners)
                sending.create_task(_send(port, probe, request, patience_s, results[probe.name]))

        for probe in PROBES:
            sending.create_task(run(probe))
            # The requests of two probes never start at the same moment.
            await asyncio.sleep(1 / len(PROBES) / max(each.per_second for each in PROBES))
    return results


async def _send(port: int, probe: Probe, request: bytes, patience_s: float, result: ProbeResult) -> None:
    started = time.perf_counter()
    try:
        async with asyncio.timeout(patience_s), connect(port) as connection:
            outcome = await connection.exchange(request)
    except TimeoutError:
        outcome = "no response"
    except (OSError, asyncio.IncompleteReadError):
        outcome = "connection error"
    if outcome == probe.success:
        result.latencies.append(time.perf_counter() - started)
    else:
        result.refusals[outcome] += 1


# A sign-in comes from an address that the server has not seen before.
_fresh_addresses = (f"2001:db8:1:{number:x}::1" for number in itertools.count())


def _request(probe: Probe, number: int, owners: Sequence[FactoryUser]) -> bytes:
    match probe.name:
        case "login":
            owner = owners[number % len(owners)]
            body = {"query": LOGIN, "variables": {"email": owner.email, "password": PASSWORD}}
            return build_request("/graphql", body, forwarded_for=next(_fresh_addresses))
        case "viewer":
            return _session_request({"query": VIEWER}, owners[number % len(owners)])
        case "deactivateTwoFactor":
            body = {"query": DEACTIVATE_TWO_FACTOR, "variables": {"password": PASSWORD}}
            # Half of the owners away from the one who signs in now.
            return _session_request(body, owners[(number + len(owners) // 2) % len(owners)])
    return b"GET /health/alive HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def _session_request(body: object, owner: FactoryUser) -> bytes:
    return build_request("/graphql", body, session_token=owner.session_token, forwarded_for="198.51.100.7")
