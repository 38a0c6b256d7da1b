"""Changing one's own password, and passwords whose hashes are out of date."""

import pytest
from argon2 import PasswordHasher, extract_parameters

import models
from models import LetterKind, SecurityEventKind
from tests.conftest import PASSWORD
from tests.flows.steps import (
    CLIENT,
    TOKEN,
    WRONG_PASSWORD,
    Enrolled,
    Trail,
    challenge_of,
    count,
    give_otp,
    interrupted,
    letters_of,
    refused,
    sign_in,
    sign_in_with_otp,
    state,
    told,
)
from tests.support.names import plain
from twofactor.access import Viewer
from twofactor.accounts import disable_user
from twofactor.environment import Environment
from twofactor.errors import (
    ChallengeExpiredError,
    PasswordTooWeakError,
    UnauthenticatedError,
    WrongEmailOrPasswordError,
    WrongPasswordError,
)
from twofactor.login import log_in
from twofactor.passwords import change_password
from twofactor.rules.policy import ARGON2_LANES, ARGON2_MEMORY_KIB, ARGON2_PASSES

Event = SecurityEventKind
Letter = LetterKind
NEW = "tr0ub4dor and three more words"


class TestChangePassword:
    async def test_the_new_one_is_in_force_and_all_else_is_over(
        self, env: Environment, member: models.User, enrolled: Enrolled, trail: Trail
    ) -> None:
        """Other sessions and open challenges end, this session and 2FA go on, and one event and one letter say so."""
        other = await sign_in_with_otp(env, member.email, enrolled.app)
        challenge = await challenge_of(env, member.email)
        await trail.news()

        answer = await change_password(env, CLIENT, enrolled.viewer, PASSWORD, NEW)

        assert answer.viewer.two_factor.is_active
        assert answer.viewer.two_factor.backup_codes_remaining == 10
        assert await count(env, models.Session, id=other.session.id) == 0
        assert await count(env, models.Session, id=enrolled.viewer.session.id) == 1
        assert await trail.news() == told(Event.PASSWORD_CHANGED, Letter.PASSWORD_CHANGED)
        assert [letter.recipient_email for letter in await letters_of(env, Letter.PASSWORD_CHANGED)] == [member.email]
        await refused(give_otp(env, challenge, enrolled.app.otp(env.now())), ChallengeExpiredError)
        await refused(log_in(env, CLIENT, member.email, PASSWORD, TOKEN), WrongEmailOrPasswordError)
        await challenge_of(env, member.email, NEW)

    async def test_needs_the_current_one(self, env: Environment, viewer: Viewer, trail: Trail) -> None:
        """A wrong current password is refused, counted and told, however good the new one is."""
        await trail.news()
        before = await state(env)

        refusal = await refused(change_password(env, CLIENT, viewer, WRONG_PASSWORD, NEW), WrongPasswordError)

        assert refusal.attempts_remaining == 4
        assert await state(env) == before
        assert await trail.news() == told(Event.REAUTHENTICATION_FAILED)

    @pytest.mark.parametrize(
        "weak",
        ["", "short", "x9#Lq2!vTz0", "password1234", "aaaaaaaaaaaaaaaa", "mia@acme.example", "x" * 257, "\ud800" * 12],
        ids=plain,
    )
    async def test_weak_ones_are_refused(self, env: Environment, viewer: Viewer, trail: Trail, weak: str) -> None:
        """Too short, too long, common, repeated, or made of what is known of the user: refused, at no cost."""
        await trail.news()
        before = await state(env)

        refusal = await refused(change_password(env, CLIENT, viewer, PASSWORD, weak), PasswordTooWeakError)

        assert refusal.minimum_length == 12
        assert await state(env) == before
        assert await trail.news() == []
        assert await count(env, models.AttemptBudget, failures__gt=0) == 0

    async def test_is_taken_exactly_as_given(self, env: Environment, member: models.User, viewer: Viewer) -> None:
        """Spaces at the ends, case and any character stay (ASVS 6.2.8)."""
        new = "  Grüße aus dem Nebelwald 🌲  "

        await change_password(env, CLIENT, viewer, PASSWORD, new)

        await refused(log_in(env, CLIENT, member.email, new.strip(), TOKEN), WrongEmailOrPasswordError)
        await sign_in(env, member.email, new)

    async def test_a_user_disabled_meanwhile_changes_nothing(
        self, env: Environment, member: models.User, viewer: Viewer, trail: Trail
    ) -> None:
        """Signed out in the middle, the request ends there (C8)."""
        await trail.news()
        with interrupted(env, lambda: disable_user(env, member.id)) as raced:
            await refused(change_password(raced, CLIENT, viewer, PASSWORD, NEW), UnauthenticatedError)

        assert await trail.news() == told(Event.USER_DISABLED)


class TestOldHashes:
    async def test_are_replaced_at_sign_in(self, env: Environment, member: models.User, trail: Trail) -> None:
        """A password hashed with other parameters is hashed anew where it is given rightly, and works on."""
        weak = PasswordHasher(1, 8, 1).hash(PASSWORD)
        async with env.database.transaction():
            await models.User.filter(id=member.id).update(password_hash=weak)
        await refused(log_in(env, CLIENT, member.email, WRONG_PASSWORD, TOKEN), WrongEmailOrPasswordError)
        assert await count(env, models.User, password_hash=weak) == 1

        await sign_in(env, member.email)

        async with env.database.reading():
            parameters = extract_parameters((await models.User.get(id=member.id)).password_hash)
        assert (parameters.time_cost, parameters.memory_cost, parameters.parallelism) == (
            ARGON2_PASSES,
            ARGON2_MEMORY_KIB,
            ARGON2_LANES,
        )
        await sign_in(env, member.email)
        assert await trail.news() == told(Event.LOGIN_FAILED, *[Event.LOGIN_SUCCEEDED] * 2)
