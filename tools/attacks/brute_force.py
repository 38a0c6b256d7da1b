"""Simulate ten years of guessing the second factor with the right password, and print the probability of success.

`python -m tools.attacks.brute_force` simulates an attacker who guesses as soon as the server checks an attempt, and a
user who logs in daily or never. Waits and limits are those of the product. Logins on a known device do not reset the
count of the attacker.
"""

import argparse
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from accounts.attempt_waits import is_locked, retry_at
from security.constants import (
    BACKUP_CODE_LENGTH,
    BACKUP_CODES_PER_SET,
    OTP_DIGITS,
    OTP_DRIFT_STEPS,
    SECOND_FACTOR_FAILURES_ALLOWED,
)
from twofactor.factors.backup_code_format import ALPHABET

START = datetime(2026, 1, 1, tzinfo=UTC)
YEARS = 10
DAYS = 365 * YEARS

# At any time, the OTPs of this many time steps are valid.
OTP_PROBABILITY = (2 * OTP_DRIFT_STEPS + 1) / 10**OTP_DIGITS
BACKUP_CODE_PROBABILITY = BACKUP_CODES_PER_SET / len(ALPHABET) ** BACKUP_CODE_LENGTH


@dataclass
class AttemptLimit:
    """The failed attempts of one factor, as the database stores them."""

    failures: int = 0
    since_login: int = 0
    last: datetime = START

    def next_attempt(self, now: datetime) -> datetime | None:
        """Return the time at which the server checks the next attempt, or None if the factor is locked."""
        if is_locked(self.since_login):
            return None
        return max(now, retry_at(self.failures, self.last)) if self.failures else now

    def record_failure(self, now: datetime) -> None:
        """Count a wrong guess."""
        self.failures, self.since_login, self.last = self.failures + 1, self.since_login + 1, now

    def record_login(self) -> None:
        """Count a login that the user completed. It does not unlock a locked factor."""
        if not is_locked(self.since_login):
            self.failures = self.since_login = 0


def count_guesses(logins: Iterator[datetime], end: datetime) -> int:
    """Return the number of wrong guesses at one factor that the server checks until the end."""
    limit, now, count = AttemptLimit(), START, 0
    for login in [*logins, end]:
        while (attempt := limit.next_attempt(now)) is not None and attempt < login:
            limit.record_failure(attempt)
            now, count = attempt, count + 1
        now = max(now, login)
        limit.record_login()
    return count


def daily_logins(rng: random.Random | None = None) -> Iterator[datetime]:
    """Yield one login a day, at noon or at a random time."""
    for day in range(DAYS):
        yield START + timedelta(days=day, seconds=rng.randrange(86_400) if rng else 43_200)


def probability(count: int, single: float) -> float:
    """Return the probability that at least one of the guesses is right."""
    return -math.expm1(count * math.log1p(-single))


def simulated_probability(count: int, single: float, trials: int, rng: random.Random) -> float:
    """Return the same probability by simulation: the share of trials in which a guess is right early enough."""
    hits = sum(math.ceil(math.log(1 - rng.random()) / math.log1p(-single)) <= count for _ in range(trials))
    return hits / trials


@dataclass(frozen=True)
class GuessingResult:
    """The result of ten years of guessing."""

    user: str
    otp_guesses: int
    code_guesses: int

    @property
    def otp_probability(self) -> float:
        """The probability of a right OTP."""
        return probability(self.otp_guesses, OTP_PROBABILITY)

    @property
    def code_probability(self) -> float:
        """The probability of a right backup code."""
        return probability(self.code_guesses, BACKUP_CODE_PROBABILITY)


def simulate(rng: random.Random) -> list[GuessingResult]:
    """Return the result for each kind of user. Each factor has its own attempt limit, so both get as many guesses.

    A client that takes no part in known devices logs in on an unknown one.
    """
    end = START + timedelta(days=DAYS)
    users = {
        "logs in daily, known device": count_guesses(iter(()), end),
        "logs in daily, unknown device": count_guesses(daily_logins(), end),
        "the same at a random time": count_guesses(daily_logins(rng), end),
        "never logs in": count_guesses(iter(()), end),
    }
    return [GuessingResult(user, count, count) for user, count in users.items()]


def main() -> None:
    """Run the simulation and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--trials", type=int, default=200_000, help="simulated attackers for each kind of user (200,000)"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the random numbers (1)")
    given = parser.parse_args()
    rng = random.Random(given.seed)
    print(
        f"Probability that one guess is right: {OTP_PROBABILITY:.0e} for an OTP, {BACKUP_CODE_PROBABILITY:.0e} for a "
        "backup code."
    )
    print(f"Probability that at least one guess of {YEARS} years is right, if the password is known:")
    print(f"{'user':<30} {'guesses':>8} {'per day':>7} {'OTP':>10} {'simulated':>9} {'backup code':>11}")
    for each in simulate(rng):
        count, drawn = each.otp_guesses, simulated_probability(each.otp_guesses, OTP_PROBABILITY, given.trials, rng)
        print(
            f"{each.user:<30} {count:>8} {count / DAYS:>7.2f} {each.otp_probability:>10.2e} {drawn:>9.5f} "
            f"{each.code_probability:>11.1e}"
        )
    print(
        f"Between two logins that strangers complete, the server checks at most {SECOND_FACTOR_FAILURES_ALLOWED} wrong "
        "guesses of a factor. Probability that one OTP of them is right: "
        f"{probability(SECOND_FACTOR_FAILURES_ALLOWED, OTP_PROBABILITY):.1e}."
    )


if __name__ == "__main__":
    main()
