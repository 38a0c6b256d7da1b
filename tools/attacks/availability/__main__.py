"""Attack the availability of a served production process, and measure what other users notice.

`python -m tools.attacks.availability` runs each attack on each database. First it measures the idle server. For each
attack it also lets the attackers attack an empty server: this shows what the shared machine alone costs. It exits with
1 if a target is missed.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from argon2 import PasswordHasher

from security.constants import ARGON2_LANES, ARGON2_MEMORY_KIB, ARGON2_PASSES
from tests.support.databases import DIALECTS, database_of
from tools.attacks.availability.accounts import create_attackers
from tools.attacks.availability.attacks import ATTACK_BY_NAME, ATTACKS, Attack
from tools.attacks.availability.probes import LOGIN_PROBE, PROBES
from tools.attacks.availability.site import Observation, Site, running_empty_server, running_site
from tools.attacks.availability.targets import (
    MEMORY_FACTOR,
    P99_FACTOR,
    SIGN_INS_LET_IN,
    missed_targets,
    missed_times,
    p99_target,
)

# The server confirms fewer activations in a second than this.
ACTIVATIONS_PER_SECOND = 10


def main() -> None:
    """Run the attacks on each database."""
    parser = argparse.ArgumentParser(prog="availability", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=30, help="duration of each measurement (30)")
    parser.add_argument("--attack", choices=ATTACK_BY_NAME, action="append", help="attack to run; all by default")
    parser.add_argument("--database", choices=DIALECTS, action="append", help="database to test; both by default")
    given = parser.parse_args()
    attacks = [attack for attack in ATTACKS if not given.attack or attack.name in given.attack]
    hash_s = password_hash_seconds()
    print(
        f"One password hash takes {_ms(hash_s)}. Targets with a session: p99 <= {P99_FACTOR} x idle p99 + one password "
        f"hash, and no refusal. Sign-ins let in: {SIGN_INS_LET_IN:.0%}. Memory: {MEMORY_FACTOR} x idle.\n"
        "`empty`: the same probes while the attackers attack an empty server on the same machine. That slow is allowed."
    )
    all_met = True
    for dialect in given.database or DIALECTS:
        print(f"\n=== {dialect}, load average of the machine: {os.getloadavg()[0]:.1f}", flush=True)
        with database_of(dialect) as url, tempfile.TemporaryDirectory(prefix="countersign-") as folder:
            all_met &= run_attacks(url, Path(folder), attacks, given.seconds, hash_s)
    sys.exit(0 if all_met else 1)


def password_hash_seconds() -> float:
    """Return the time of one password hash on this machine."""
    hasher, times = PasswordHasher(ARGON2_PASSES, ARGON2_MEMORY_KIB, ARGON2_LANES), []
    for _ in range(20):
        started = time.perf_counter()
        hasher.hash("the password of no user")
        times.append(time.perf_counter() - started)
    return median(times)


def run_attacks(database_url: str, folder: Path, attacks: Sequence[Attack], seconds: float, hash_s: float) -> bool:
    """Run the attacks, print the measurements, and return whether all targets are met."""
    all_met = True
    with running_site(database_url, folder) as site, running_empty_server(folder) as empty_port:
        idle = site.observe(seconds)
        for attack in attacks:
            met = _run_attack(site, empty_port, attack, idle, seconds, hash_s)
            all_met = all_met and met
    return all_met


def _run_attack(  # noqa: PLR0913, PLR0917  # the parameters of the run and the idle server
    site: Site, empty_port: int, attack: Attack, idle: Observation, seconds: float, hash_s: float
) -> bool:
    # Activations expire, so the accounts are new.
    accounts = create_attackers(site.database_url, int(ACTIVATIONS_PER_SECOND * seconds) + attack.clients)
    empty = site.observe_attack(attack, empty_port, accounts, seconds)
    attacked = site.observe_attack(attack, site.server.port, accounts, seconds)
    missed = missed_targets(idle, attacked) + missed_times(idle, empty, attacked, hash_s)
    print(f"\n{attack.name}: {attack.description}")
    print(table(idle, empty, attacked, hash_s))
    print(f"  MISSED: {', '.join(missed)}" if missed else "  The targets are met.", flush=True)
    return not missed


def table(idle: Observation, empty: Observation, attacked: Observation, hash_s: float) -> str:
    """Format the measurements under an attack."""
    titles = " ".join(f"{title:>10}" for title in ("requests", "idle p99", "empty p99", "p99", "target"))
    lines = [f"  {'':19} {titles} {'empty refused':>14}  refused"]
    for probe in PROBES:
        result = attacked.probes[probe.name]
        target = "" if probe.name == LOGIN_PROBE else _ms(p99_target(idle, probe.name, hash_s))
        times = [_ms(each.probes[probe.name].p99) for each in (idle, empty, attacked)]
        cells = " ".join(f"{cell:>10}" for cell in (*times, target))
        refused = f"{empty.probes[probe.name].refusals.total():>14}  {_counts(result.refusals) or '0'}"
        lines.append(f"  {probe.name:19} {result.sent:>10} {cells} {refused}")
    login = attacked.probes[LOGIN_PROBE]
    lines += [
        f"  sign-ins let in: {len(login.latencies)} of {login.sent}",
        f"  memory: {idle.highest_mib:.0f} MiB idle, {attacked.highest_mib:.0f} MiB highest",
        f"  the attackers: {_counts(attacked.attack) or 'no response'}",
    ]
    return "\n".join(lines)


def _ms(seconds: float) -> str:
    return "-" if seconds == float("inf") else f"{seconds * 1000:.1f} ms"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


if __name__ == "__main__":
    main()
