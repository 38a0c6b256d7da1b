"""Upkeep: what is over goes, what is not stays, and seeds get the current key."""

from dataclasses import replace
from datetime import timedelta

import pytest

import models
from models import Factor, LetterState
from tests.conftest import KEYS, PASSWORD
from tests.flows.steps import (
    CLIENT,
    TOKEN,
    WRONG_PASSWORD,
    Enrolled,
    challenge_of,
    confirmed_activation,
    count,
    refused,
    sign_in_with_otp,
    state,
)
from tests.support.clock import Clock
from twofactor.access import Viewer
from twofactor.environment import Environment
from twofactor.errors import WrongEmailOrPasswordError
from twofactor.login import log_in
from twofactor.rules.sealing import KeyRing, UnsealingFailed
from twofactor.upkeep import clear_away, reseal_all, sealed_under_other_keys, unknown_keys

MICROSECOND = timedelta(microseconds=1)


class TestClearAway:
    async def test_leaves_what_is_not_over(
        self, env: Environment, member: models.User, enrolled: Enrolled, boss: Viewer
    ) -> None:
        """Open challenges and activations, live sessions, unsent letters and fresh counters stay."""
        await challenge_of(env, member.email)
        await confirmed_activation(env, boss)
        await refused(log_in(env, CLIENT, "nobody@acme.example", PASSWORD, TOKEN), WrongEmailOrPasswordError)
        before = await state(env)
        letters, budgets = await count(env, models.Letter), await count(env, models.AttemptBudget)

        assert await clear_away(env) == 0

        assert await state(env) == before
        assert (await count(env, models.Letter), await count(env, models.AttemptBudget)) == (letters, budgets)

    @pytest.mark.parametrize(
        ("table", "after"),
        [
            (models.Challenge, timedelta(minutes=5)),
            (models.Activation, timedelta(minutes=10)),
            (models.Session, timedelta(days=7)),
        ],
    )
    async def test_takes_what_is_over_when_it_is(
        self,
        env: Environment,
        clock: Clock,
        member: models.User,
        enrolled: Enrolled,
        boss: Viewer,
        *,
        table: type[models.Challenge | models.Activation | models.Session],
        after: timedelta,
    ) -> None:
        """Each goes when its time is up, and not a microsecond before (C10)."""
        await confirmed_activation(env, boss)
        await challenge_of(env, member.email)
        async with env.database.transaction():
            await models.Session.all().update(last_seen_at=clock.now)
        rows = await count(env, table)
        clock.advance(after - MICROSECOND)
        await clear_away(env)
        assert await count(env, table) == rows > 0
        clock.advance(MICROSECOND)

        assert await clear_away(env) > 0

        assert await count(env, table) == 0

    async def test_keeps_the_counters_of_second_factors(
        self, env: Environment, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """Those of passwords go after a day, those of second factors stay: the hundred are counted for ever."""
        await refused(log_in(env, CLIENT, "nobody@acme.example", WRONG_PASSWORD, TOKEN), WrongEmailOrPasswordError)
        async with env.database.transaction():
            await models.AttemptBudget.create(
                subject=member.id.hex,
                factor=Factor.OTP,
                failures=99,
                failures_since_sign_in=99,
                last_attempt_at=clock.now,
            )
        clock.advance(timedelta(days=400))

        await clear_away(env)

        assert await count(env, models.AttemptBudget, factor=Factor.PASSWORD) == 0
        assert await count(env, models.AttemptBudget, failures_since_sign_in=99) == 1

    async def test_takes_sent_letters_and_events_of_nobody_after_thirty_days(
        self, env: Environment, clock: Clock, enrolled: Enrolled
    ) -> None:
        """Letters that wait stay, and so does the audit trail of every company account."""
        await refused(log_in(env, CLIENT, "nobody@acme.example", PASSWORD, TOKEN), WrongEmailOrPasswordError)
        async with env.database.transaction():
            original = await models.Letter.first()
            assert original
            await models.Letter.create(
                kind=original.kind,
                recipient_email=original.recipient_email,
                recipient_name=original.recipient_name,
                locale=original.locale,
                facts={},
                created_at=clock.now,
                next_try_at=clock.now,
                state=LetterState.SENT,
                sent_at=clock.now,
            )
        of_company = await count(env, models.SecurityEvent, company_id__isnull=False)
        clock.advance(timedelta(days=30) - MICROSECOND)
        await clear_away(env)
        assert await count(env, models.Letter, state=LetterState.SENT) == 1
        assert await count(env, models.SecurityEvent, company_id__isnull=True) == 1
        clock.advance(MICROSECOND)

        await clear_away(env)

        assert await count(env, models.Letter, state=LetterState.SENT) == 0
        assert await count(env, models.Letter, state=LetterState.WAITING) == 1
        assert await count(env, models.SecurityEvent, company_id__isnull=True) == 0
        assert await count(env, models.SecurityEvent) == of_company


class TestResealAll:
    async def test_seals_every_seed_under_the_first_key(
        self, env: Environment, member: models.User, enrolled: Enrolled, boss: Viewer
    ) -> None:
        """Active and waiting seeds change their key, not themselves; afterwards the old key can go (K5)."""
        await confirmed_activation(env, boss)
        now_key, before_key = KEYS.split(",")
        turned = replace(env, key_ring=KeyRing.parse(f"{before_key},{now_key}"))
        assert await sealed_under_other_keys(turned) == 2

        assert [number async for number in reseal_all(turned)] == [1, 1]

        assert await sealed_under_other_keys(turned) == 0
        alone = replace(env, key_ring=KeyRing.parse(before_key))
        assert await unknown_keys(alone) == set()
        await sign_in_with_otp(alone, member.email, enrolled.app)

    async def test_a_missing_key_is_named_and_nothing_is_changed(self, env: Environment, enrolled: Enrolled) -> None:
        """Without the key that sealed a seed it stays as it is, and the key's name is told (K5)."""
        alone = replace(env, key_ring=KeyRing.parse(KEYS.split(",")[1]))
        before = await state(env)

        assert await unknown_keys(alone) == {"now"}
        with pytest.raises(UnsealingFailed):
            [number async for number in reseal_all(alone)]

        assert await state(env) == before
