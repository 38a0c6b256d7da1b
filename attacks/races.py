"""Races: requests that are sent at the same moment from two processes, and what must be true afterwards.

`python -m attacks.races` makes 10,000 attempts on each database and prints how many there were, won, and broke a rule.
"""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from attacks.databases import DIALECTS, database_of
from attacks.deeds import (
    ACKNOWLEDGE,
    CONFIRM,
    DEACTIVATE,
    POLICY,
    RESET,
    VERIFY,
    Request,
    broken_invariants,
    otp,
    shape,
    user_gid,
)
from attacks.rivals import Rivals, rivals
from attacks.scenes import PASSWORD, Person
from attacks.served import Served, served
from settings import Settings
from tests.support.clock import Clock
from twofactor.rules.policy import BACKUP_CODES_A_SET

A_ROUND = 40


@dataclass
class Round:
    """What was sent in a round, and what came of it."""

    person: Person
    requests: Sequence[Request]
    # The answer of a winner.
    won: str
    answers: Sequence[str] = ()
    after: dict[str, Any] = field(default_factory=dict)

    def winners(self) -> int:
        """How many have won."""
        return list(self.answers).count(self.won)


def by_otp(person: Person, token: str, clock: Clock) -> Request:
    """A second step by what the app shows."""
    return Request(VERIFY, {"token": token, "factor": {"otp": otp(person, clock())}}, "", person)


def by_code(person: Person, token: str) -> Request:
    """A second step by the backup code that the person holds."""
    return Request(VERIFY, {"token": token, "factor": {"backupCode": person.backup_code}}, "", person)


async def one_otp(service: Served, clock: Clock, size: int) -> Round:
    """One OTP, for as many challenges as there are attempts."""
    person, tokens = await service.scene.enrolled(await service.scene.company(), challenges=size)
    return Round(person, [by_otp(person, token, clock) for token in tokens], "LoggedIn")


async def one_backup_code(service: Served, _clock: Clock, size: int) -> Round:
    """One backup code, for as many challenges as there are attempts."""
    person, tokens = await service.scene.enrolled(await service.scene.company(), challenges=size)
    return Round(person, [by_code(person, token) for token in tokens], "LoggedIn")


async def one_challenge(service: Served, clock: Clock, size: int) -> Round:
    """One challenge, by an OTP and by a backup code, each right."""
    person, (token,) = await service.scene.enrolled(await service.scene.company())
    both = [by_otp(person, token, clock), by_code(person, token)]
    return Round(person, [both[number // 2 % 2] for number in range(size)], "LoggedIn")


async def one_activation(service: Served, _clock: Clock, size: int) -> Round:
    """One activation that was confirmed, acknowledged by all."""
    person = await service.scene.activating(await service.scene.company(), confirmed=True)
    request = Request(ACKNOWLEDGE, {"activation": person.activation_token}, person.session_token, person)
    return Round(person, [request] * size, "TwoFactorActivated")


async def one_confirmation(service: Served, clock: Clock, size: int) -> Round:
    """One activation, confirmed by all with the same OTP."""
    person = await service.scene.activating(await service.scene.company(), confirmed=False)
    variables = {"activation": person.activation_token, "otp": otp(person, clock())}
    return Round(person, [Request(CONFIRM, variables, person.session_token, person)] * size, "BackupCodesIssued")


async def deactivate_against_verify(service: Served, clock: Clock, size: int) -> Round:
    """The user switches 2FA off while others sign in with it."""
    person, tokens = await service.scene.enrolled(await service.scene.company(), challenges=size - 2)
    off = Request(DEACTIVATE, {"password": PASSWORD}, person.session_token, person)
    return Round(person, _amid([by_otp(person, token, clock) for token in tokens], off), "TwoFactorDeactivated")


async def reset_against_verify(service: Served, clock: Clock, size: int) -> Round:
    """An admin resets the user's 2FA while others sign in with it."""
    company = await service.scene.company()
    admin = await service.scene.admin(company)
    person, tokens = await service.scene.enrolled(company, challenges=size - 2)
    off = Request(RESET, {"user": user_gid(person), "password": PASSWORD}, admin.session_token, person)
    return Round(person, _amid([by_otp(person, token, clock) for token in tokens], off), "TwoFactorReset")


async def policy_against_confirm(service: Served, clock: Clock, size: int) -> Round:
    """An admin switches backup codes off while an activation is confirmed."""
    company = await service.scene.company()
    admin = await service.scene.admin(company)
    person = await service.scene.activating(company, confirmed=False)
    variables = {"activation": person.activation_token, "otp": otp(person, clock())}
    confirm = Request(CONFIRM, variables, person.session_token, person)
    off = Request(POLICY, {"password": PASSWORD, "codes": False}, admin.session_token, person)
    return Round(person, _amid([confirm] * (size - 2), off), "SecurityPolicyUpdated")


def _amid(requests: Sequence[Request], rare: Request) -> list[Request]:
    """The requests, and a rare one among them for each of the two processes."""
    middle = len(requests) // 2
    return [*requests[:middle], rare, rare, *requests[middle:]]


def _one_session(race: Round) -> list[str]:
    """Of all who tried to sign in, one did."""
    # The person was signed in before.
    return _unless(race.winners() == 1 and race.after["sessions"] == 2, "not exactly one signed in")


def _one_session_by_otp(race: Round) -> list[str]:
    return _one_session(race) + _unless(race.after["codes used"] == 0, "a code was used")


def _one_session_by_code(race: Round) -> list[str]:
    used = (race.after["codes used"], race.after["codes remaining"])
    letters = race.after["letters"].count("backup_code_used")
    return (
        _one_session(race)
        + _unless(used == (1, BACKUP_CODES_A_SET - 1), "not one code was used")
        + _unless(letters == 1, "not one letter was written")
    )


def _one_session_in_all(race: Round) -> list[str]:
    used, letters = race.after["codes used"], race.after["letters"].count("backup_code_used")
    # A code that lost to the OTP is not spent.
    return _one_session(race) + _unless(used == letters <= 1, "a code was spent for nothing")


def _activated_once(race: Round) -> list[str]:
    once = ("TWO_FACTOR_ACTIVATED", "two_factor_activated")
    told = Counter([*race.after["events"], *race.after["letters"]])
    return _unless(race.after["active"], "2FA is not active") + _unless(
        all(told[each] == 1 for each in once), "activated or told more than once"
    )


def _confirmed_once(race: Round) -> list[str]:
    return _unless(race.winners() <= 1, "two sets of codes were shown") + _unless(
        len(race.after["codes"]) == race.winners(), "codes were shown that are not kept, or kept and not shown"
    )


def _switched_off(race: Round, *, sessions: int) -> list[str]:
    return (
        _unless(race.winners() == 1, "not switched off once")
        + _unless(not race.after["active"], "2FA is active")
        + _unless(race.after["sessions"] == sessions, "a session that should have ended")
    )


def _confirmed_by_one_rule(race: Round) -> list[str]:
    activated, issued = (race.answers.count(each) for each in ("TwoFactorActivated", "BackupCodesIssued"))
    # Asked again, the call that activated says so again.
    return (
        _unless(race.winners() == 2, "the rule was not changed")
        + _unless(issued <= 1 and not (issued and activated), "confirmed under both rules")
        + _unless(race.after["active"] is (activated > 0), "activated and not told, or told and not activated")
        + _unless(race.after["events"].count("TWO_FACTOR_ACTIVATED") <= 1, "activated twice")
    )


def _unless(holds: object, broken: str) -> list[str]:
    return [] if holds else [broken]


# An activation is over after five wrong OTPs, so a crowd would leave nobody to win.
A_FEW = 4
SIZES = {"one activation, confirmed": A_FEW, "policy against confirm": A_FEW + 2}

Preparation: TypeAlias = Callable[[Served, Clock, int], Awaitable[Round]]
RACES: dict[str, tuple[Preparation, Callable[[Round], list[str]]]] = {
    "one OTP, many challenges": (one_otp, _one_session_by_otp),
    "one backup code, many challenges": (one_backup_code, _one_session_by_code),
    "one challenge, OTP and backup code": (one_challenge, _one_session_in_all),
    "one activation, acknowledged": (one_activation, _activated_once),
    "one activation, confirmed": (one_confirmation, _confirmed_once),
    "deactivate against verify": (deactivate_against_verify, lambda race: _switched_off(race, sessions=1)),
    "reset against verify": (reset_against_verify, lambda race: _switched_off(race, sessions=0)),
    "policy against confirm": (policy_against_confirm, _confirmed_by_one_rule),
}


@dataclass
class Arena:
    """A database, the application that looks at it, and two processes that race in it."""

    service: Served
    clock: Clock
    rivals: Rivals

    async def race(self, name: str) -> tuple[Round, list[str]]:
        """One round. What came of it, and which rules it broke."""
        prepare, judge = RACES[name]
        race = await prepare(self.service, self.clock, SIZES.get(name, A_ROUND))
        answers = await asyncio.to_thread(self.rivals.rush, race.requests, self.clock())
        async with self.service.env.database.transaction():
            broken = await broken_invariants(race.person)
            race = replace(race, answers=answers, after=await shape(race.person))
        return race, broken + judge(race)


@asynccontextmanager
async def arena(database_url: str) -> AsyncIterator[Arena]:
    """An arena for as long as the block lasts."""
    # All come from one address, and it is not its limit that is to hold them back.
    clock, settings = Clock(), Settings(database_url=database_url, failures_per_address=1_000_000)
    with rivals(settings) as both:
        async with served(settings, clock) as service:
            yield Arena(service, clock, both)


async def _run(dialect: str, database_url: str, attempts: int) -> int:
    violations, tried_in_all = 0, 0
    async with arena(database_url) as there:
        print(f"\n{dialect:<38} {'attempts':>8} {'won':>6} {'refused':>8} {'too busy':>8} {'broken':>7}")
        for name in RACES:
            won, busy, broken = 0, 0, list[str]()
            rounds = -(-attempts // (SIZES.get(name, A_ROUND) * len(RACES)))
            for _ in range(rounds):
                race, problems = await there.race(name)
                won += race.winners()
                busy += list(race.answers).count("SERVICE_UNAVAILABLE")
                broken += problems
            tried = rounds * SIZES.get(name, A_ROUND)
            tried_in_all += tried
            refused = tried - won - busy
            print(f"  {name:<36} {tried:>8} {won:>6} {refused:>8} {busy:>8} {len(broken):>7}", flush=True)
            for problem, times in Counter(broken).items():
                print(f"    {times} times: {problem}")
            violations += len(broken)
    print(f"  {'in all':<36} {tried_in_all:>8} {violations:>32}", flush=True)
    return violations


def main() -> None:
    """Race, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--attempts", type=int, default=10_000, help="on each database (10,000)")
    parser.add_argument("--database", choices=DIALECTS, action="append", help="both, if none is named")
    given = parser.parse_args()
    broken = 0
    for dialect in given.database or DIALECTS:
        with database_of(dialect) as url:
            broken += asyncio.run(_run(dialect, url, given.attempts))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
