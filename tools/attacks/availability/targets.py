"""What the server has to keep up under an attack."""

from tools.attacks.availability.probes import LOGIN_PROBE, PROBES
from tools.attacks.availability.site import Observation

# Users with a session: no refusal, and a 99th percentile of this many idle ones and one password hash.
P99_FACTOR = 3
# Users who sign in.
SIGN_INS_LET_IN = 0.95
# The highest resident memory.
MEMORY_FACTOR = 2


def missed_targets(idle: Observation, attacked: Observation) -> list[str]:
    """Return the targets that the server misses under an attack, apart from response times."""
    refused = [name for name, result in attacked.probes.items() if name != LOGIN_PROBE and result.refusals.total()]
    missed = [f"{name} was refused" for name in refused]
    login = attacked.probes[LOGIN_PROBE]
    if len(login.latencies) < SIGN_INS_LET_IN * login.sent:
        missed.append(f"fewer than {SIGN_INS_LET_IN:.0%} of the sign-ins were let in")
    if attacked.highest_mib > MEMORY_FACTOR * idle.highest_mib:
        missed.append("memory grew")
    return missed


def missed_times(idle: Observation, empty: Observation, attacked: Observation, hash_s: float) -> list[str]:
    """Return the probes whose response times miss the target under an attack.

    A probe that was as slow while the attackers attacked an empty server says something about the machine only.
    """
    names = [probe.name for probe in PROBES if probe.name != LOGIN_PROBE]
    targets = {name: max(p99_target(idle, name, hash_s), empty.probes[name].p99) for name in names}
    return [f"{name} was slow" for name in names if attacked.probes[name].p99 > targets[name]]


def p99_target(idle: Observation, name: str, hash_s: float) -> float:
    """Return the longest 99th percentile that is allowed for a request with a session, in seconds."""
    return P99_FACTOR * idle.probes[name].p99 + hash_s
