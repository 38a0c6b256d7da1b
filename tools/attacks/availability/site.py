"""A served production process, the processes of the probes and of the attackers, and an empty server."""

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path

from tests.support.factories import FactoryUser
from tests.support.users import KEYS
from tools.attacks.availability.accounts import AttackerAccounts, create_owners
from tools.attacks.availability.attacks import Attack, prepare_process, run_attack
from tools.attacks.availability.http import PROXY
from tools.attacks.availability.probes import OWNERS, PATIENCE_S, ProbeResult, run_probes
from tools.bench.processes import Server, free_port, run_server

# The attack starts before the probes, and ends this much after the last one is sent.
EXTRA_S = 0.25
CONNECTED_INTERVAL_S = 1
MEMORY_INTERVAL_S = 0.1
WARM_UP_S = 1
SETTLE_INTERVAL_S = 0.25
SETTLE_TIMEOUT_S = 120
# An idle server uses less of one core than this.
IDLE_CPU_SHARE = 0.05


@dataclass(frozen=True)
class Observation:
    """What the probes measured, and the highest resident memory of the server."""

    probes: Mapping[str, ProbeResult]
    highest_mib: float
    # The outcomes of the attackers' requests.
    attack: Counter[str]


@dataclass(frozen=True)
class Site:
    """The server, and one process each for probes and attackers."""

    database_url: str
    server: Server
    owners: Sequence[FactoryUser]
    patience_s: float
    probing: ProcessPoolExecutor
    attacking: ProcessPoolExecutor
    # Set when all clients of an attack have connected.
    all_connected: Event

    def observe(self, seconds: float) -> Observation:
        """Probe the server while nobody attacks it."""
        results = self.probing.submit(run_probes, self.server.port, self.owners, seconds, self.patience_s)
        highest_mib = self.server.resident_mib()
        while wait([results], timeout=MEMORY_INTERVAL_S).not_done:
            highest_mib = max(highest_mib, self.server.resident_mib())
        return Observation(results.result(), highest_mib, Counter())

    def observe_attack(self, attack: Attack, port: int, accounts: AttackerAccounts, seconds: float) -> Observation:
        """Probe the server while clients attack the server at this port: this one, or an empty one."""
        self.all_connected.clear()
        attacking = self.attacking.submit(run_attack, attack.name, port, accounts, seconds + EXTRA_S)
        while not self.all_connected.wait(CONNECTED_INTERVAL_S):
            # An attack that has ended has failed.
            assert not attacking.done(), attacking.exception()
        observation = self.observe(seconds)
        attack_outcomes = attacking.result()
        self._wait_until_idle()
        return Observation(observation.probes, observation.highest_mib, attack_outcomes)

    def _wait_until_idle(self) -> None:
        """Wait until the server has done the work that the attackers left behind.

        Raises:
            TimeoutError: It did not get done.
        """
        end = time.monotonic() + SETTLE_TIMEOUT_S
        while time.monotonic() < end:
            used = self.server.cpu()
            time.sleep(SETTLE_INTERVAL_S)
            if self.server.cpu() - used < IDLE_CPU_SHARE * SETTLE_INTERVAL_S:
                return
        message = f"the server is still busy {SETTLE_TIMEOUT_S} s after the attack"
        raise TimeoutError(message)


@contextmanager
def running_site(database_url: str, folder: Path, *, patience_s: float = PATIENCE_S) -> Iterator[Site]:
    """Serve a migrated database in production mode, and stop all processes when the block ends.

    The users of the probes wait `patience_s` for a response.
    """
    port = free_port()
    environment = {
        "COUNTERSIGN_MODE": "production",
        "COUNTERSIGN_DATABASE_URL": database_url,
        "COUNTERSIGN_SECRET_KEYS": KEYS,
        "COUNTERSIGN_TRUSTED_PROXIES": f"{PROXY}/32",
        "COUNTERSIGN_PORT": str(port),
    }
    processes = multiprocessing.get_context("spawn")
    all_connected = processes.Event()
    with (
        ProcessPoolExecutor(1, processes) as probing,
        ProcessPoolExecutor(1, processes, initializer=prepare_process, initargs=(all_connected,)) as attacking,
    ):
        # Let the processes start and import their modules before anything is measured.
        starting = [pool.submit(time.monotonic) for pool in (probing, attacking)]
        with run_server(["-m", "cli", "serve"], environment, port, folder / "server.log") as server:
            wait(starting)
            owners = create_owners(database_url, OWNERS)
            site = Site(database_url, server, owners, patience_s, probing, attacking, all_connected)
            # Let the server allocate what it keeps, for example the cached documents.
            site.observe(WARM_UP_S)
            yield site


@contextmanager
def running_empty_server(folder: Path) -> Iterator[int]:
    """Run a server that does nothing, and yield its port."""
    port = free_port()
    environment = {"COUNTERSIGN_TRUSTED_PROXIES": f"{PROXY}/32", "COUNTERSIGN_PORT": str(port)}
    arguments = ["-m", "tools.attacks.availability.empty_server"]
    with run_server(arguments, environment, port, folder / "empty-server.log"):
        yield port
