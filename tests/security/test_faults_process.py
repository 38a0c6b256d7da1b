"""Killed processes. After the kill the state is the old or the new one."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from security.constants import FREE_ATTEMPTS
from settings import Settings
from tests.support import crash_test_process
from tests.support.app_harness import AppHarness, app_harness
from tests.support.clock import TIME_STEP, Clock
from tests.support.factories import FactoryUser
from tests.support.scenarios import (
    SCENARIO_BY_NAME,
    SCENARIOS,
    Request,
    Scenario,
    account_state,
    broken_invariants,
    wrong_otp_request,
)


@pytest.fixture
async def harness(database_url: str, clock: Clock) -> AsyncIterator[AppHarness]:
    """Return the application after a restart."""
    async with app_harness(Settings(database_url=database_url), clock) as harness:
        yield harness


async def state(harness: AppHarness, user: FactoryUser) -> dict[str, Any]:
    """Return the state of the account, and check its invariants."""
    async with harness.services.database.transaction():
        assert await broken_invariants(user) == []
        return await account_state(user)


def kill_points(points: list[str]) -> list[int]:
    """Return the indexes of the points before and after each commit, and of one statement between."""
    commits = [number for number, point in enumerate(points) if point != crash_test_process.STATEMENT]
    between = [(before + after) // 2 for before, after in zip([0, *commits], commits, strict=False)]
    return sorted({*commits, *between})


# The outcome of a retry after a success whose response the client did not receive.
RETRY_OUTCOMES = {
    "login": "LoggedIn",
    "login with 2FA": "SecondFactorRequired",
    "verifyLogin with an OTP": "ChallengeExpired",
    "verifyLogin with a backup code": "ChallengeExpired",
    "startTwoFactorActivation": "TwoFactorActivation",
    "confirmOtp": "BackupCodesIssued",
    "confirmOtp without backup codes": "TwoFactorActivated",
    "acknowledgeBackupCodes": "TwoFactorActivated",
    "acknowledgeBackupCodes after a regeneration": "BackupCodesAcknowledged",
    "regenerateBackupCodes": "BackupCodesRegenerated",
    "deactivateTwoFactor": "TwoFactorNotActive",
    "adminResetTwoFactor": "TwoFactorNotActive",
    "updateSecurityPolicy": "TWO_FACTOR_SETUP_REQUIRED",
    "changePassword": "WrongPassword",
    "logout": "LoggedOut",
}


@pytest.mark.attack("E6", "J4", "K4")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_killed_process_leaves_the_old_or_the_new_state(
    harness: AppHarness, database_url: str, clock: Clock, scenario: Scenario
) -> None:
    """A change and its email are stored completely if the commit returned, and not at all before.

    A retry does not repeat a stored change. Otherwise the retry succeeds.
    """

    async def run(request: Request, kill_at: int | None) -> tuple[int, list[str]]:
        return await asyncio.to_thread(crash_test_process.run_request, database_url, clock(), request, kill_at)

    request = await scenario.prepare(harness.factory, clock())
    code, points = await run(request, None)
    assert code == 0
    new = await state(harness, request.affected_user)
    commits = [number for number, point in enumerate(points) if point == crash_test_process.AFTER_COMMIT]

    for number in kill_points(points):
        request = await scenario.prepare(harness.factory, clock())
        old = await state(harness, request.affected_user)
        code, _ = await run(request, number)
        assert code == -signal.SIGKILL
        is_committed = number >= commits[-1]
        assert await state(harness, request.affected_user) == (new if is_committed else old), (number, points)
        retry_outcome = RETRY_OUTCOMES[scenario.name] if is_committed else scenario.success_type
        assert await harness.outcome(request) == retry_outcome, (number, points)


@pytest.mark.attack("K4")
async def test_next_otp_confirms_after_a_kill_between_the_commits_of_confirm(
    harness: AppHarness, database_url: str, clock: Clock
) -> None:
    """A crash between the two commits of `confirmOtp` does not block the activation."""
    scenario = SCENARIO_BY_NAME["confirmOtp"]
    request = await scenario.prepare(harness.factory, clock())
    _, points = await asyncio.to_thread(crash_test_process.run_request, database_url, clock(), request, None)
    request = await scenario.prepare(harness.factory, clock())
    first_commit = points.index(crash_test_process.AFTER_COMMIT)
    await asyncio.to_thread(crash_test_process.run_request, database_url, clock(), request, first_commit)

    clock.advance(TIME_STEP)
    variables = {**request.variables, "otp": request.affected_user.authenticator.otp(clock())}
    assert await harness.outcome(replace(request, variables=variables)) == "BackupCodesIssued"


@pytest.mark.attack("B9")
async def test_failed_attempts_survive_killed_processes(harness: AppHarness, database_url: str, clock: Clock) -> None:
    """After five wrong OTPs in processes of which some are killed, the sixth has to wait."""
    user, tokens = await harness.factory.member_with_2fa(await harness.factory.company(), challenges=FREE_ATTEMPTS + 1)
    guesses = [wrong_otp_request(user, token, clock()) for token in tokens]
    for guess in guesses[:2]:
        _, points = await asyncio.to_thread(crash_test_process.run_request, database_url, clock(), guess, None)

    for guess in guesses[2:-2]:
        code, _ = await asyncio.to_thread(
            crash_test_process.run_request, database_url, clock(), guess, points.index(crash_test_process.AFTER_COMMIT)
        )
        assert code == -signal.SIGKILL

    assert await harness.outcome(guesses[-2]) == "WrongSecondFactor"
    assert await harness.outcome(guesses[-1]) == "TooManyAttempts"
