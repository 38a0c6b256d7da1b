"""A short run of `make attack-availability`. No assertion depends on response times."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.databases import DatabaseTemplate
from tools.attacks.availability.accounts import AttackerAccounts, create_attackers
from tools.attacks.availability.attacks import ATTACK_BY_NAME
from tools.attacks.availability.probes import PROBES, ProbeResult
from tools.attacks.availability.site import Observation, Site, running_site
from tools.attacks.availability.targets import missed_targets, missed_times, p99_target

SECONDS = 0.75
# A busy machine is no reason to fail.
PATIENCE_S = 60


@dataclass(frozen=True)
class AttackedSite:
    """A served production process, what it needs when nobody attacks it, and the accounts of the attackers."""

    site: Site
    idle: Observation
    accounts: AttackerAccounts

    def attack(self, name: str) -> Observation:
        """Run an attack for a moment."""
        return self.site.observe_attack(ATTACK_BY_NAME[name], self.site.server.port, self.accounts, SECONDS)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def attacked_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AttackedSite]:
    """Serve each database in production mode. All tests share the process."""
    template: DatabaseTemplate = request.getfixturevalue(f"migrated_{request.param}")
    url = template.copy()
    try:
        with running_site(url, tmp_path_factory.mktemp("site"), patience_s=PATIENCE_S) as site:
            yield AttackedSite(site, site.observe(SECONDS), create_attackers(url, activations=50))
    finally:
        template.drop(url)


@pytest.mark.attack("H18")
@pytest.mark.parametrize("name", ATTACK_BY_NAME)
def test_others_are_served_while_clients_keep_the_server_busy(attacked_site: AttackedSite, name: str) -> None:
    """No request with a session is refused, users sign in, memory is bounded, and all of it works afterwards."""
    attacked = attacked_site.attack(name)

    assert missed_targets(attacked_site.idle, attacked) == []
    assert missed_targets(attacked_site.idle, attacked_site.site.observe(SECONDS / 3)) == []


def observation(*, latency: float = 0.01, refused: str = "", memory_mib: float = 100) -> Observation:
    """Return what the probes measure if all requests take equally long and one probe is refused once."""
    probes = {
        probe.name: ProbeResult([latency] * 10, Counter(["SERVICE_UNAVAILABLE"] * (probe.name == refused)))
        for probe in PROBES
    }
    return Observation(probes, memory_mib, Counter())


@pytest.mark.parametrize(
    ("attacked", "missed"),
    [
        (observation(), []),
        (observation(refused="viewer"), ["viewer was refused"]),
        (observation(refused="login"), ["fewer than 95% of the sign-ins were let in"]),
        (observation(memory_mib=201), ["memory grew"]),
    ],
    ids=["nothing", "a session", "a sign-in", "memory"],
)
def test_missed_targets_are_found(attacked: Observation, missed: list[str]) -> None:
    """The check reports a refused request with a session, a refused sign-in of eleven, and memory."""
    assert missed_targets(observation(), attacked) == missed


def test_slow_responses_are_found() -> None:
    """The check compares with three times the idle server and one password hash."""
    idle = observation()

    assert p99_target(idle, "viewer", 0.02) == pytest.approx(0.05)
    assert missed_times(idle, idle, observation(latency=0.04), 0.02) == []
    assert "viewer was slow" in missed_times(idle, idle, observation(latency=0.06), 0.02)
    assert missed_times(idle, observation(latency=0.07), observation(latency=0.06), 0.02) == []
