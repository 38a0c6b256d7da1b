"""Guessing the second factor with the right password in hand: attacks B1, B2, B4, B6, B7, B8 and B10."""

import asyncio
import random
from datetime import timedelta

import pytest

import models
from attacks.brute_force import BEGIN, DAYS, daily, figures, guesses, odds, simulated
from attacks.deeds import LOGIN, RESET, VERIFY, Request, otp, user_gid, wrong_otp
from attacks.rivals import rivals
from attacks.scenes import PASSWORD, Person
from attacks.served import Served, served
from models import Factor, SecurityEventKind
from settings import Settings
from tests.support.clock import Clock
from twofactor import attempts
from twofactor.errors import SecondFactorLockedError, TooManyAttemptsError
from twofactor.rules.policy import FREE_ATTEMPTS, LONGEST_WAIT, SECOND_FACTOR_FAILURES_ALLOWED

# As many as a well-known peer looked at.
CHALLENGES = 60
WRONG_CODE = "0000000000"
LAST_FEW = 6


def by_otp(person: Person, token: str, digits: str) -> Request:
    """A second step with an OTP."""
    return Request(VERIFY, {"token": token, "factor": {"otp": digits}}, "", person)


def by_code(person: Person, token: str, code: str) -> Request:
    """A second step with a backup code."""
    return Request(VERIFY, {"token": token, "factor": {"backupCode": code}}, "", person)


async def looked_at(service: Served, person: Person) -> int:
    """How many guesses were looked at and found wrong."""
    async with service.env.database.reading():
        return await models.SecurityEvent.filter(
            user_id=person.user_id, kind=SecurityEventKind.SECOND_FACTOR_FAILED
        ).count()


async def challenge(service: Served, person: Person) -> str:
    """A new challenge, by the right password."""
    response = await service.post(Request(LOGIN, {"email": person.email, "password": PASSWORD}, "", person))
    return str(response.json()["data"]["login"]["challengeToken"])


@pytest.mark.parametrize("factor", [Factor.OTP, Factor.BACKUP_CODE])
async def test_b4_b10_sixty_guesses_at_once_from_two_processes_for_sixty_challenges_opened_beforehand(
    database_url: str, clock: Clock, factor: Factor
) -> None:
    """As many are looked at as the account has attempts left, and after the wait one more; and the owner gets in."""
    settings = Settings(database_url=database_url)
    async with served(settings, clock) as service:
        person, tokens = await service.scene.enrolled(await service.scene.company(), challenges=CHALLENGES)
        is_otp = factor is Factor.OTP
        wrong = wrong_otp(person, clock()) if is_otp else WRONG_CODE
        guess = by_otp if is_otp else by_code
        with rivals(settings) as both:
            for allowed, wait in ((FREE_ATTEMPTS, 30), (1, 60), (1, 120)):
                before = await looked_at(service, person)
                guesses_at_once = [guess(person, token, wrong) for token in tokens]
                answers = await asyncio.to_thread(both.rush, guesses_at_once, clock())
                assert answers.count("WrongSecondFactor") == allowed
                assert answers.count("TooManyAttempts") == CHALLENGES - allowed
                assert await looked_at(service, person) == before + allowed
                clock.advance(timedelta(seconds=wait - 1))
                assert await service.answer(guess(person, tokens[0], wrong)) == "TooManyAttempts"
                clock.advance(timedelta(seconds=1))
                wrong = wrong_otp(person, clock()) if is_otp else WRONG_CODE

        # The wait is over, and nobody was locked out for good.
        right = otp(person, clock()) if is_otp else person.backup_code
        assert await service.answer(guess(person, tokens[-1], right)) == "LoggedIn"


async def test_b8_while_one_factor_waits_the_owner_gets_in_with_the_other(database_url: str, clock: Clock) -> None:
    """Guessing at the OTP keeps nobody out who has a backup code."""
    async with served(Settings(database_url=database_url), clock) as service:
        person, tokens = await service.scene.enrolled(await service.scene.company(), challenges=FREE_ATTEMPTS + 2)
        for token in tokens[:FREE_ATTEMPTS]:
            await service.answer(by_otp(person, token, wrong_otp(person, clock())))
        assert await service.answer(by_otp(person, tokens[-1], otp(person, clock()))) == "TooManyAttempts"
        assert await service.answer(by_code(person, tokens[-1], person.backup_code)) == "LoggedIn"
        # And the sign-in ends the wait of the OTP as well.
        assert await service.answer(by_otp(person, tokens[-2], otp(person, clock()))) == "LoggedIn"


@pytest.mark.parametrize("factor", [Factor.OTP, Factor.BACKUP_CODE])
async def test_b4_b6_b7_a_hundred_wrong_ones_stop_the_factor_whatever_is_done_between(
    database_url: str, clock: Clock, factor: Factor
) -> None:
    """However long the attacker waits, however many challenges the right password opens, and from two processes."""
    settings = Settings(database_url=database_url)
    async with served(settings, clock) as service:
        company = await service.scene.company()
        admin = await service.scene.admin(company)
        person, _ = await service.scene.enrolled(company, challenges=0)
        is_otp = factor is Factor.OTP
        guess = by_otp if is_otp else by_code
        # The last few of the hundred: the others were tried before.
        async with service.env.database.transaction():
            await models.AttemptBudget.create(
                subject=person.user_id.hex,
                factor=factor,
                failures=SECOND_FACTOR_FAILURES_ALLOWED - LAST_FEW,
                failures_since_sign_in=SECOND_FACTOR_FAILURES_ALLOWED - LAST_FEW,
                last_attempt_at=clock(),
            )
        with rivals(settings) as both:
            for _ in range(LAST_FEW + 1):
                clock.advance(LONGEST_WAIT)
                wrong = wrong_otp(person, clock()) if is_otp else WRONG_CODE
                token = await challenge(service, person)
                await asyncio.to_thread(both.rush, [guess(person, token, wrong)] * 3, clock())
        assert await looked_at(service, person) == LAST_FEW
        clock.advance(timedelta(days=365))
        right = otp(person, clock()) if is_otp else person.backup_code
        assert await service.answer(guess(person, await challenge(service, person), right)) == "SecondFactorLocked"

        # The owner gets in with the other factor, which does not let the attacker go on with this one.
        other = by_code if is_otp else by_otp
        right = person.backup_code if is_otp else otp(person, clock())
        assert await service.answer(other(person, await challenge(service, person), right)) == "LoggedIn"
        right = otp(person, clock()) if is_otp else person.backup_code
        assert await service.answer(guess(person, await challenge(service, person), right)) == "SecondFactorLocked"
        assert await looked_at(service, person) == LAST_FEW

        # An admin's reset is the way out: the password alone signs in then.
        clock.advance(-timedelta(days=365))
        reset = Request(RESET, {"user": user_gid(person), "password": PASSWORD}, admin.session_token, person)
        assert await service.answer(reset) == "TwoFactorReset"
        assert await service.answer(Request(LOGIN, {"email": person.email, "password": PASSWORD}, "", person)) == (
            "LoggedIn"
        )


MANY = """
mutation ($token: String!, $factor: SecondFactorInput!) {{ {fields} }} {fragments}
"""
FIELD = "g{}: verifyLogin(challengeToken: $token, secondFactor: $factor) {{ __typename }}"
DOCUMENTS = {
    "aliases": MANY.format(fields=" ".join(FIELD.format(number) for number in range(50)), fragments=""),
    "fragments": MANY.format(
        fields="...a ...b",
        fragments=" ".join(f"fragment {name} on Mutation {{ {FIELD.format(name)} }}" for name in "ab"),
    ),
    "nested fragments": MANY.format(
        fields="...a",
        fragments=f"fragment a on Mutation {{ {FIELD.format(1)} ...b }} fragment b on Mutation {{ {FIELD.format(2)} }}",
    ),
    "inline fragments": MANY.format(fields=f"... {{ {FIELD.format(1)} }} ... {{ {FIELD.format(2)} }}", fragments=""),
}


@pytest.mark.parametrize("name", [*DOCUMENTS, "a batch"])
async def test_b1_b2_many_guesses_in_one_request_are_refused_before_any_is_looked_at(
    database_url: str, clock: Clock, name: str
) -> None:
    """By aliases, fragments and batches: nothing runs, and nothing is counted."""
    async with served(Settings(database_url=database_url), clock) as service:
        person, (token,) = await service.scene.enrolled(await service.scene.company())
        variables = {"token": token, "factor": {"otp": wrong_otp(person, clock())}}
        body: object = {"query": DOCUMENTS.get(name, VERIFY), "variables": variables}
        if name == "a batch":
            body = [body] * 50
        response = await service.http.post("/graphql", json=body)
        assert "data" not in response.json()
        assert await looked_at(service, person) == 0
        async with service.env.database.reading():
            assert await models.AttemptBudget.all().count() == 0


async def test_the_simulation_guesses_exactly_as_often_as_the_product_lets_it(database_url: str, clock: Clock) -> None:
    """A day of guessing, and all guesses of somebody whose owner never comes, by the real budget."""
    async with served(Settings(database_url=database_url), clock) as service:
        person, _ = await service.scene.enrolled(await service.scene.company())
        budget = attempts.second_factor_budget(person.user_id, Factor.OTP)
        count, in_a_day, is_locked = 0, 0, False
        now = BEGIN
        while not is_locked:
            try:
                async with service.env.database.transaction():
                    await attempts.claim(budget, now)
                count += 1
            except TooManyAttemptsError as refusal:
                now = refusal.retry_at
            except SecondFactorLockedError:
                is_locked = True
            if now < BEGIN + timedelta(days=1):
                in_a_day = count
        assert in_a_day == guesses(iter(()), BEGIN + timedelta(days=1))
        assert count == guesses(iter(()), BEGIN + timedelta(days=DAYS)) == SECOND_FACTOR_FAILURES_ALLOWED


def test_the_odds_are_those_that_are_drawn() -> None:
    """The formula and the draw agree; an owner who never comes leaves an attacker no more than one in a thousand."""
    rng = random.Random(1)
    for each in figures(rng):
        assert abs(simulated(each.otp_guesses, 3e-6, 20_000, rng) - each.otp_odds) < 0.02
    assert odds(guesses(iter(()), BEGIN + timedelta(days=DAYS)), 3e-6) < 1e-3
    # What a daily sign-in gives back is 35 guesses a day at most.
    assert guesses(daily(), BEGIN + timedelta(days=DAYS)) <= 35 * DAYS
