"""Whether answers that say the same can be told apart by the time they take.

`python -m attacks.timing` interleaves requests of two kinds, at least 1,000 of each, and prints the p-value of a
Mann-Whitney test for each pair: how likely times as different as these are if the two kinds take equally long.
"""

import argparse
import asyncio
import math
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

import models
from attacks.databases import DIALECTS, database_of
from attacks.deeds import LOGIN, VERIFY, Request, otp, wrong_otp
from attacks.scenes import Person
from attacks.served import Served, served
from settings import Settings
from tests.support.clock import Clock
from transport.logs import configure_logging
from twofactor.rules.policy import CHALLENGE_LIFETIME

# Whoever looks for a difference in a hundred pairs finds one at 5 % by chance; in six, hardly at this.
SUSPICIOUS = 0.001
WRONG_PASSWORD = "wrong horse battery staple"  # noqa: S105  # of people who do not exist


def mann_whitney(one: Sequence[float], other: Sequence[float]) -> float:
    """The two-sided p-value of the rank test, by the normal approximation with corrections for ties and continuity.

    Good from some twenty values of each kind on (H. B. Mann and D. R. Whitney, 1947).
    """
    values = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    size_one, size_other, size = len(one), len(other), len(one) + len(other)
    ties = Counter(value for value, _ in values)
    rank, rank_of = 1.0, dict[float, float]()
    for value, times in sorted(ties.items()):
        rank_of[value] = rank + (times - 1) / 2
        rank += times
    rank_sum = sum(rank_of[value] for value, kind in values if kind == 0)
    u = rank_sum - size_one * (size_one + 1) / 2
    mean = size_one * size_other / 2
    tied = sum(times**3 - times for times in ties.values()) / (size * (size - 1))
    deviation = math.sqrt(size_one * size_other / 12 * (size + 1 - tied))
    if deviation == 0:
        return 1.0
    z = max(abs(u - mean) - 0.5, 0) / deviation
    return math.erfc(z / math.sqrt(2))


@dataclass(frozen=True)
class Pair:
    """Two kinds of requests that are to take equally long, and the answer that both get."""

    one: str
    other: str
    answer: str
    prepare: Callable[[Served, Clock], Awaitable[tuple[Request, Request]]]


Timed: TypeAlias = dict[int, list[float]]


async def _sign_ins(service: Served, _clock: Clock) -> tuple[Request, Request]:
    person = await service.scene.member(await service.scene.company())
    nobody = f"{person.email.removesuffix('example')}invalid"
    unknown, known = (
        Request(LOGIN, {"email": email, "password": WRONG_PASSWORD}, "", person) for email in (nobody, person.email)
    )
    return unknown, known


async def _wrong_and_replayed(service: Served, clock: Clock) -> tuple[Request, Request]:
    person, (token, used) = await service.scene.enrolled(await service.scene.company(), challenges=2)
    right = otp(person, clock())
    assert await service.answer(_by_otp(person, used, right)) == "LoggedIn"
    return _by_otp(person, token, wrong_otp(person, clock())), _by_otp(person, token, right)


async def _wrong_and_somebody_elses(service: Served, clock: Clock) -> tuple[Request, Request]:
    company = await service.scene.company()
    person, (token,) = await service.scene.enrolled(company)
    somebody, _ = await service.scene.enrolled(company)
    theirs = otp(somebody, clock())
    return _by_otp(person, token, wrong_otp(person, clock())), _by_otp(person, token, theirs)


async def _wrong_and_expired(service: Served, clock: Clock) -> tuple[Request, Request]:
    person, (token,) = await service.scene.enrolled(await service.scene.company())
    expired = otp(person, clock() - timedelta(minutes=2))
    return _by_otp(person, token, wrong_otp(person, clock())), _by_otp(person, token, expired)


async def _wrong_and_used_code(service: Served, _clock: Clock) -> tuple[Request, Request]:
    person, (token, used) = await service.scene.enrolled(await service.scene.company(), challenges=2)
    assert await service.answer(_by_code(person, used, person.backup_code)) == "LoggedIn"
    return _by_code(person, token, "ZZZZZZZZZZ"), _by_code(person, token, person.backup_code)


async def _codes_and_none(service: Served, _clock: Clock) -> tuple[Request, Request]:
    one, (token,) = await service.scene.enrolled(await service.scene.company())
    other, (without,) = await service.scene.enrolled(await service.scene.company(backup_codes_enabled=False))
    return _by_code(one, token, "ZZZZZZZZZZ"), _by_code(other, without, "ZZZZZZZZZZ")


def _by_otp(person: Person, token: str, digits: str) -> Request:
    return Request(VERIFY, {"token": token, "factor": {"otp": digits}}, "", person)


def _by_code(person: Person, token: str, code: str) -> Request:
    return Request(VERIFY, {"token": token, "factor": {"backupCode": code}}, "", person)


PAIRS = (
    Pair("unknown email", "wrong password", "WrongEmailOrPassword", _sign_ins),
    Pair("wrong OTP", "replayed OTP", "WrongSecondFactor", _wrong_and_replayed),
    Pair("wrong OTP", "somebody else's OTP", "WrongSecondFactor", _wrong_and_somebody_elses),
    Pair("wrong OTP", "expired OTP", "WrongSecondFactor", _wrong_and_expired),
    Pair("wrong code", "used code", "WrongSecondFactor", _wrong_and_used_code),
    Pair("wrong code", "any code where codes are off", "WrongSecondFactor", _codes_and_none),
)


async def measure(service: Served, clock: Clock, pair: Pair, times: int, rng: random.Random) -> Timed:
    """How long each kind took, in seconds, in an order that is drawn anew for each two."""
    requests = await pair.prepare(service, clock)
    timed: Timed = {0: [], 1: []}
    for _ in range(times):
        for kind in rng.sample((0, 1), 2):
            await begin_anew(service)
            began = time.perf_counter()
            answer = await service.answer(requests[kind])
            timed[kind].append(time.perf_counter() - began)
            assert answer == pair.answer, answer
    return timed


async def begin_anew(service: Served) -> None:
    """As if nothing had failed yet, so that no attempt has to wait and the tables stay as small as they were."""
    async with service.env.database.transaction():
        await models.AttemptBudget.all().update(failures=0, failures_since_sign_in=0)
        await models.SecurityEvent.all().delete()


async def _run(database_url: str, times: int, rng: random.Random) -> int:
    suspicious = 0
    clock = Clock()
    async with served(Settings(database_url=database_url, failures_per_address=1_000_000), clock) as service:
        for pair in PAIRS:
            timed = await measure(service, clock, pair, times, rng)
            p = mann_whitney(timed[0], timed[1])
            one, other = (statistics.median(timed[kind]) * 1000 for kind in (0, 1))
            suspicious += p < SUSPICIOUS
            print(
                f"  {pair.one:<14} {one:>7.2f} ms   {pair.other:<29} {other:>7.2f} ms   {times:>5} each   p = {p:.3f}",
                flush=True,
            )
            clock.advance(CHALLENGE_LIFETIME)
    return suspicious


def main() -> None:
    """Measure, and print the p-values."""
    # The log is not what is measured.
    configure_logging("ERROR", "text", stream=sys.stderr)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--times", type=int, default=1_000, help="requests of each kind (1,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the order (1)")
    parser.add_argument("--database", choices=DIALECTS, action="append", help="both, if none is named")
    given = parser.parse_args()
    suspicious = 0
    for dialect in given.database or DIALECTS:
        print(f"{dialect}, medians:")
        with database_of(dialect) as url:
            suspicious += asyncio.run(_run(url, given.times, random.Random(given.seed)))
    print(f"{suspicious} of the pairs can be told apart (p < {SUSPICIOUS}).")


if __name__ == "__main__":
    main()
