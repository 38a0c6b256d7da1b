"""Guessing the second factor with the right password in hand: the odds over ten years, simulated.

`python -m attacks.brute_force` plays an attacker who guesses whenever a guess is looked at, for an owner who signs in
daily and for one who never does, by the product's own table of waits and its own numbers.
"""

import argparse
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from twofactor.rules.attempts import is_locked, retry_at
from twofactor.rules.backup_codes import ALPHABET
from twofactor.rules.policy import (
    BACKUP_CODE_LENGTH,
    BACKUP_CODES_A_SET,
    OTP_DIGITS,
    OTP_DRIFT_STEPS,
    SECOND_FACTOR_FAILURES_ALLOWED,
)

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
YEARS = 10
DAYS = 365 * YEARS

# At each moment the OTPs of so many time steps are good.
OTP_ODDS = (2 * OTP_DRIFT_STEPS + 1) / 10**OTP_DIGITS
BACKUP_CODE_ODDS = BACKUP_CODES_A_SET / len(ALPHABET) ** BACKUP_CODE_LENGTH


@dataclass
class Budget:
    """The attempts of one factor, as the database keeps them."""

    failures: int = 0
    since_sign_in: int = 0
    last: datetime = BEGIN

    def next_attempt(self, now: datetime) -> datetime | None:
        """When the next guess is looked at; None where no waiting helps."""
        if is_locked(self.since_sign_in):
            return None
        return max(now, retry_at(self.failures, self.last)) if self.failures else now

    def fail(self, now: datetime) -> None:
        """A wrong guess."""
        self.failures, self.since_sign_in, self.last = self.failures + 1, self.since_sign_in + 1, now

    def sign_in(self) -> None:
        """The owner completes a sign-in, which a factor that has stopped survives."""
        if not is_locked(self.since_sign_in):
            self.failures = self.since_sign_in = 0


def guesses(sign_ins: Iterator[datetime], end: datetime) -> int:
    """How many wrong guesses at one factor are looked at until the end, by whoever never sleeps."""
    budget, now, count = Budget(), BEGIN, 0
    for sign_in in [*sign_ins, end]:
        while (attempt := budget.next_attempt(now)) is not None and attempt < sign_in:
            budget.fail(attempt)
            now, count = attempt, count + 1
        now = max(now, sign_in)
        budget.sign_in()
    return count


def daily(rng: random.Random | None = None) -> Iterator[datetime]:
    """Sign-ins once a day, at the same time or at any."""
    for day in range(DAYS):
        yield BEGIN + timedelta(days=day, seconds=rng.randrange(86_400) if rng else 43_200)


def odds(count: int, single: float) -> float:
    """The odds that one of so many guesses is right."""
    return -math.expm1(count * math.log1p(-single))


def simulated(count: int, single: float, trials: int, rng: random.Random) -> float:
    """The same, by drawing: in how many of the trials the first right guess comes that soon."""
    hits = sum(math.ceil(math.log(1 - rng.random()) / math.log1p(-single)) <= count for _ in range(trials))
    return hits / trials


@dataclass(frozen=True)
class Figures:
    """What an attacker gets in ten years."""

    owner: str
    otp_guesses: int
    code_guesses: int

    @property
    def otp_odds(self) -> float:
        """The odds of a right OTP."""
        return odds(self.otp_guesses, OTP_ODDS)

    @property
    def code_odds(self) -> float:
        """The odds of a right backup code."""
        return odds(self.code_guesses, BACKUP_CODE_ODDS)


def figures(rng: random.Random) -> list[Figures]:
    """For each kind of owner. The factors have budgets of their own, so as many guesses go to each."""
    end = BEGIN + timedelta(days=DAYS)
    owners = {
        "signs in daily, at noon": guesses(daily(), end),
        "signs in daily, at any time": guesses(daily(rng), end),
        "never signs in": guesses(iter(()), end),
    }
    return [Figures(owner, count, count) for owner, count in owners.items()]


def main() -> None:
    """Play, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=200_000, help="attackers to draw for each owner (200,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the draws (1)")
    given = parser.parse_args()
    rng = random.Random(given.seed)
    print(f"{YEARS} years of guesses with the right password: {OTP_ODDS:.0e} an OTP, {BACKUP_CODE_ODDS:.0e} a code")
    print(f"{'the owner':<30} {'guesses':>8} {'a day':>6} {'right OTP':>10} {'drawn':>8} {'right code':>11}")
    for each in figures(rng):
        count, drawn = each.otp_guesses, simulated(each.otp_guesses, OTP_ODDS, given.trials, rng)
        print(
            f"{each.owner:<30} {count:>8} {count / DAYS:>6.2f} {each.otp_odds:>10.2e} {drawn:>8.5f} "
            f"{each.code_odds:>11.1e}"
        )
    print(
        f"Between two completed sign-ins at most {SECOND_FACTOR_FAILURES_ALLOWED} wrong guesses of a factor are looked "
        f"at: {odds(SECOND_FACTOR_FAILURES_ALLOWED, OTP_ODDS):.1e} for OTPs."
    )


if __name__ == "__main__":
    main()
