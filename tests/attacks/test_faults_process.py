"""Processes that are killed: attacks K4, J3, J4, B9 and E6. Afterwards the state is the old or the new one."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from attacks.deeds import BY_NAME, DEEDS, VERIFY, Deed, Request, broken_invariants, otp, shape, wrong_otp
from attacks.scenes import Person
from attacks.served import Served, served
from settings import Settings
from tests.support import victim
from tests.support.clock import Clock
from twofactor.rules.policy import FREE_ATTEMPTS


@pytest.fixture
async def service(database_url: str, clock: Clock) -> AsyncIterator[Served]:
    """The application that is there after a restart."""
    async with served(Settings(database_url=database_url), clock) as service:
        yield service


async def state(service: Served, person: Person) -> dict[str, Any]:
    """Where the account stands; and nothing that must not be is."""
    async with service.env.database.transaction():
        assert await broken_invariants(person) == []
        return await shape(person)


def points_to_die_at(points: list[str]) -> list[int]:
    """Each commit, from before and from after, and a statement between."""
    commits = [number for number, point in enumerate(points) if point != victim.STATEMENT]
    between = [(before + after) // 2 for before, after in zip([0, *commits], commits, strict=False)]
    return sorted({*commits, *between})


# What a deed answers that is asked for again after it went through, where its client never heard of it.
AGAIN = {
    "login": "LoggedIn",
    "login to a challenge": "SecondFactorRequired",
    "verifyLogin by OTP": "ChallengeExpired",
    "verifyLogin by backup code": "ChallengeExpired",
    "startTwoFactorActivation": "TwoFactorActivation",
    # Its OTP is used.
    "confirmOtp": "WrongOtp",
    "confirmOtp without codes": "TwoFactorActivated",
    "acknowledgeBackupCodes": "TwoFactorActivated",
    "regenerateBackupCodes": "BackupCodesRegenerated",
    "deactivateTwoFactor": "TwoFactorNotActive",
    "adminResetTwoFactor": "TwoFactorNotActive",
    "updateSecurityPolicy": "TWO_FACTOR_SETUP_REQUIRED",
    "changePassword": "WrongPassword",
    "logout": "LoggedOut",
}


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
async def test_k4_j4_e6_a_process_killed_at_each_commit_and_between_leaves_the_old_state_or_the_new_one(
    service: Served, database_url: str, clock: Clock, deed: Deed
) -> None:
    """All of a change is there if its commit was answered, its letter with it, and nothing of it before.

    Asked again, what went through is not done twice, and what did not goes through.
    """

    async def live(request: Request, die_at: int | None) -> tuple[int, list[str]]:
        return await asyncio.to_thread(victim.do, database_url, clock(), request, die_at)

    request = await deed.prepare(service.scene, clock())
    code, points = await live(request, None)
    assert code == 0
    new = await state(service, request.about)
    commits = [number for number, point in enumerate(points) if point == victim.COMMITTED]

    for number in points_to_die_at(points):
        request = await deed.prepare(service.scene, clock())
        old = await state(service, request.about)
        code, _ = await live(request, number)
        assert code == -signal.SIGKILL
        has_happened = number >= commits[-1]
        assert await state(service, request.about) == (new if has_happened else old), (number, points)
        # Between the two commits of `confirmOtp`, its OTP is used: the user enters the next one.
        is_half_way = deed.name == "confirmOtp" and number >= commits[0]
        again = AGAIN[deed.name] if has_happened or is_half_way else deed.succeeds_as
        assert await service.answer(request) == again, (number, points)


async def test_k4_after_a_kill_within_confirming_the_next_otp_confirms(
    service: Served, database_url: str, clock: Clock
) -> None:
    """Nobody is locked out of an activation by a crash between its two commits."""
    deed = BY_NAME["confirmOtp"]
    request = await deed.prepare(service.scene, clock())
    _, points = await asyncio.to_thread(victim.do, database_url, clock(), request, None)
    request = await deed.prepare(service.scene, clock())
    half_way = points.index(victim.COMMITTED)
    await asyncio.to_thread(victim.do, database_url, clock(), request, half_way)

    clock.advance(timedelta(seconds=30))
    variables = {**request.variables, "otp": otp(request.about, clock())}
    assert await service.answer(replace(request, variables=variables)) == "BackupCodesIssued"


async def test_b9_what_is_counted_outlives_the_process(service: Served, database_url: str, clock: Clock) -> None:
    """Wrong OTPs in one killed process after another: the sixth has to wait all the same."""
    person, tokens = await service.scene.enrolled(await service.scene.company(), challenges=FREE_ATTEMPTS + 1)
    guesses = [
        Request(VERIFY, {"token": token, "factor": {"otp": wrong_otp(person, clock())}}, "", person) for token in tokens
    ]
    for guess in guesses[:2]:
        _, points = await asyncio.to_thread(victim.do, database_url, clock(), guess, None)

    for guess in guesses[2:-2]:
        code, _ = await asyncio.to_thread(victim.do, database_url, clock(), guess, points.index(victim.COMMITTED))
        assert code == -signal.SIGKILL

    assert await service.answer(guesses[-2]) == "WrongSecondFactor"
    assert await service.answer(guesses[-1]) == "TooManyAttempts"
