"""Removing 2FA: by its user, by an admin, by the operator."""

from uuid import uuid4

import pytest
from structlog.testing import capture_logs

import models
from models import Factor, LetterKind, Role, SecurityEventKind
from tests.conftest import PASSWORD
from tests.flows.steps import (
    CLIENT,
    WRONG_PASSWORD,
    Enrolled,
    Trail,
    challenge_of,
    change_rules,
    confirmed_activation,
    count,
    enrol,
    events_of,
    give_otp,
    letters_of,
    refused,
    set_budget,
    sign_in,
    sign_in_with_otp,
    state,
    told,
)
from tests.support.clock import Clock
from tests.support.names import plain
from twofactor.access import Viewer
from twofactor.accounts import disable_user, set_role
from twofactor.environment import Environment
from twofactor.errors import (
    CannotResetOwnTwoFactorError,
    ChallengeExpiredError,
    ForbiddenError,
    InvalidInputError,
    TooManyAttemptsError,
    TwoFactorError,
    TwoFactorIsEnforcedError,
    TwoFactorNotActiveError,
    TwoFactorSetupRequiredError,
    UnauthenticatedError,
    UserNotFoundError,
    WrongPasswordError,
)
from twofactor.removal import deactivate, reset_by_admin, reset_by_operator

Event = SecurityEventKind
Letter = LetterKind
TABLES_OF_2FA = (models.Authenticator, models.BackupCodeSet, models.BackupCode, models.Challenge, models.Activation)


async def assert_nothing_is_left(env: Environment, user: models.User) -> None:
    """Assert that the user has no 2FA, and that nothing of it could still be used."""
    for table in TABLES_OF_2FA:
        assert await count(env, table) == 0, table
    assert await count(env, models.AttemptBudget, subject=user.id.hex) == 0
    async with env.database.reading():
        row = await models.User.get(id=user.id)
    assert (row.two_factor_activated_at, row.two_factor_last_used_at, row.backup_codes_remaining) == (None, None, 0)


class TestDeactivate:
    async def test_removes_everything_and_ends_other_sessions(
        self, env: Environment, member: models.User, enrolled: Enrolled, trail: Trail
    ) -> None:
        """Seed, codes, challenges and counters are gone; this session alone goes on; an event and a letter say so."""
        other = await sign_in_with_otp(env, member.email, enrolled.app)
        challenge = await challenge_of(env, member.email)
        await trail.news()

        answer = await deactivate(env, CLIENT, enrolled.viewer, PASSWORD)

        assert not answer.two_factor.is_active
        assert (answer.two_factor.activated_at, answer.two_factor.backup_codes_remaining) == (None, None)
        await assert_nothing_is_left(env, member)
        assert await count(env, models.Session, id=other.session.id) == 0
        assert await count(env, models.Session, id=enrolled.viewer.session.id) == 1
        assert await trail.news() == told(Event.TWO_FACTOR_DEACTIVATED, Letter.TWO_FACTOR_DEACTIVATED)
        [letter] = await letters_of(env, Letter.TWO_FACTOR_DEACTIVATED)
        assert letter.recipient_email == member.email
        await refused(give_otp(env, challenge, enrolled.app.otp(env.now())), ChallengeExpiredError)
        await sign_in(env, member.email)

    async def test_needs_the_password(self, env: Environment, enrolled: Enrolled, trail: Trail) -> None:
        """A session alone, or an OTP in place of the password, switches nothing off (I5, A5)."""
        await trail.news()
        before = await state(env)

        for remaining, wrong in ((4, WRONG_PASSWORD), (3, enrolled.app.otp(env.now()))):
            refusal = await refused(deactivate(env, CLIENT, enrolled.viewer, wrong), WrongPasswordError)
            assert refusal.attempts_remaining == remaining

        assert await state(env) == before
        assert await trail.news() == told(*[Event.REAUTHENTICATION_FAILED] * 2)

    async def test_needs_active_2fa(self, env: Environment, viewer: Viewer, trail: Trail) -> None:
        """What is off cannot be switched off; no event, no letter."""
        await trail.news()

        await refused(deactivate(env, CLIENT, viewer, PASSWORD), TwoFactorNotActiveError)

        assert await trail.news() == []

    async def test_is_refused_where_enforced(
        self, env: Environment, company: models.Company, enrolled: Enrolled, trail: Trail
    ) -> None:
        """Enforced 2FA cannot be deactivated, whatever the request began with (I4)."""
        await change_rules(env, company, two_factor_enforced=True)
        await trail.news()
        before = await state(env)

        await refused(deactivate(env, CLIENT, enrolled.viewer, PASSWORD), TwoFactorIsEnforcedError)

        assert await state(env) == before
        assert await trail.news() == []

    async def test_activating_again_has_a_fresh_secret(
        self, env: Environment, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """On a new device everything is new: the old app and the old codes are no good (E7, help page)."""
        await deactivate(env, CLIENT, enrolled.viewer, PASSWORD)
        again = await enrol(env, clock, enrolled.viewer)

        assert again.app.key != enrolled.app.key
        assert not set(again.codes) & set(enrolled.codes)
        await sign_in_with_otp(env, member.email, again.app)


class TestResetByAdmin:
    async def test_removes_everything_and_signs_the_user_out(
        self, env: Environment, member: models.User, enrolled: Enrolled, boss: Viewer, trail: Trail
    ) -> None:
        """Nothing usable is left, nor any session; the event names admin and reason, the user gets the letter (I3)."""
        await challenge_of(env, member.email)
        await trail.news()

        answer = await reset_by_admin(env, CLIENT, boss, member.id, PASSWORD, "lost\nthe phone")

        assert answer.user.id == member.id
        assert not answer.user.two_factor.is_active
        await assert_nothing_is_left(env, member)
        assert await count(env, models.Session, user_id=member.id) == 0
        assert await count(env, models.Session, user_id=boss.user.id) == 1
        assert await trail.news() == told(Event.TWO_FACTOR_RESET, Letter.TWO_FACTOR_RESET)
        [event] = await events_of(env, Event.TWO_FACTOR_RESET)
        assert (event.user_id, event.actor_id, event.note) == (member.id, boss.user.id, "lost\nthe phone")
        [letter] = await letters_of(env, Letter.TWO_FACTOR_RESET)
        assert (letter.recipient_email, letter.facts["by"]) == (member.email, boss.user.name)
        await sign_in(env, member.email)

    async def test_lifts_a_lock(
        self, env: Environment, clock: Clock, member: models.User, enrolled: Enrolled, boss: Viewer
    ) -> None:
        """After a reset and a new activation the factor that was locked works again."""
        await set_budget(env, member, Factor.OTP, failures=100, since_sign_in=100, last=clock.now)

        await reset_by_admin(env, CLIENT, boss, member.id, PASSWORD, None)

        again = await enrol(env, clock, await sign_in(env, member.email))
        await sign_in_with_otp(env, member.email, again.app)

    @pytest.mark.parametrize("who", ["unknown", "another company's", "no id at all"])
    async def test_whom_the_company_does_not_have_is_not_found(
        self, env: Environment, clock: Clock, stranger: models.User, boss: Viewer, trail: Trail, who: str
    ) -> None:
        """Unknown users and those of other company accounts get one answer, and nothing changes (G4, rule 11)."""
        await enrol(env, clock, await sign_in(env, stranger.email))
        user_id = {"unknown": uuid4(), "another company's": stranger.id}.get(who)
        await trail.news()
        before = await state(env)

        with capture_logs() as logs:
            await refused(reset_by_admin(env, CLIENT, boss, user_id, PASSWORD, None), UserNotFoundError)

        # ASVS 16.3.2: whom the viewer may not see is as good as forbidden.
        assert logs == [
            {"event": "reset_of_unknown_user", "admin_id": str(boss.user.id), "log_level": "warning"},
        ]
        assert await state(env) == before
        assert await trail.news() == []

    async def test_not_of_oneself(self, env: Environment, clock: Clock, boss: Viewer, trail: Trail) -> None:
        """An admin cannot shed their own 2FA by a reset (I2)."""
        own = (await enrol(env, clock, boss)).viewer
        await trail.news()
        before = await state(env)

        attempt = reset_by_admin(env, CLIENT, own, own.user.id, PASSWORD, None)

        await refused(attempt, CannotResetOwnTwoFactorError)
        assert await state(env) == before
        assert await trail.news() == []

    async def test_of_a_fellow_admin(
        self, env: Environment, member: models.User, enrolled: Enrolled, boss: Viewer
    ) -> None:
        """Another admin may be reset as any user may (I1)."""
        await set_role(env, member.id, Role.ADMIN)

        await reset_by_admin(env, CLIENT, boss, member.id, PASSWORD, None)

        await assert_nothing_is_left(env, member)

    async def test_needs_the_admins_password(
        self, env: Environment, member: models.User, enrolled: Enrolled, boss: Viewer, trail: Trail
    ) -> None:
        """A wrong password is refused, and counted on the admin (B13)."""
        await trail.news()
        before = await state(env)

        for remaining in (4, 3, 2, 1, 0):
            attempt = reset_by_admin(env, CLIENT, boss, member.id, WRONG_PASSWORD, None)
            assert (await refused(attempt, WrongPasswordError)).attempts_remaining == remaining
        await refused(reset_by_admin(env, CLIENT, boss, member.id, PASSWORD, None), TooManyAttemptsError)

        assert await state(env) == before
        assert await trail.news() == told(*[Event.REAUTHENTICATION_FAILED] * 5, Event.LOCKED)
        assert {event.user_id for event in await events_of(env, Event.REAUTHENTICATION_FAILED)} == {boss.user.id}

    async def test_needs_active_2fa(
        self, env: Environment, member: models.User, viewer: Viewer, boss: Viewer, trail: Trail
    ) -> None:
        """Where 2FA is off there is nothing to reset: sessions go on, and an activation under way too."""
        await confirmed_activation(env, viewer)
        await trail.news()
        before = await state(env)

        attempt = reset_by_admin(env, CLIENT, boss, member.id, PASSWORD, None)

        await refused(attempt, TwoFactorNotActiveError)
        assert await state(env) == before
        assert await trail.news() == []

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ("a member", ForbiddenError),
            ("demoted since", ForbiddenError),
            ("disabled since", UnauthenticatedError),
            ("enforced and not set up", TwoFactorSetupRequiredError),
        ],
    )
    async def test_whoever_is_no_admin_any_more_may_not(
        self,
        env: Environment,
        company: models.Company,
        member: models.User,
        admin: models.User,
        enrolled: Enrolled,
        boss: Viewer,
        *,
        change: str,
        error: type[TwoFactorError],
    ) -> None:
        """What the request believed of the admin is looked at again at the commit (I1, I6)."""
        target = member
        match change:
            case "a member":
                boss, target = enrolled.viewer, admin
            case "demoted since":
                await set_role(env, admin.id, Role.MEMBER)
            case "disabled since":
                await disable_user(env, admin.id)
            case "enforced and not set up":
                await change_rules(env, company, two_factor_enforced=True)

        await refused(reset_by_admin(env, CLIENT, boss, target.id, PASSWORD, None), error)

        assert await count(env, models.Authenticator) == 1

    @pytest.mark.parametrize("reason", ["x" * 501, "a\0b", "\ud800", "\u2028", "a\rb"], ids=plain)
    async def test_reasons_are_bounded_plain_text(
        self, env: Environment, member: models.User, enrolled: Enrolled, boss: Viewer, reason: str
    ) -> None:
        """What cannot be kept and shown is refused before the password is looked at."""
        refusal = await refused(reset_by_admin(env, CLIENT, boss, member.id, WRONG_PASSWORD, reason), InvalidInputError)

        assert refusal.argument == "reason"
        assert reason not in str(refusal)

    async def test_a_reason_of_five_hundred_characters_is_kept(
        self, env: Environment, member: models.User, enrolled: Enrolled, boss: Viewer
    ) -> None:
        """Up to 500 characters a reason is kept whole."""
        await reset_by_admin(env, CLIENT, boss, member.id, PASSWORD, "é" * 500)

        assert (await events_of(env, Event.TWO_FACTOR_RESET))[0].note == "é" * 500


class TestResetByOperator:
    async def test_does_what_an_admins_does(
        self, env: Environment, member: models.User, enrolled: Enrolled, trail: Trail
    ) -> None:
        """The same is removed and told, by nobody in particular."""
        await trail.news()

        await reset_by_operator(env, member.id, "called, and proved who they are")

        await assert_nothing_is_left(env, member)
        assert await count(env, models.Session, user_id=member.id) == 0
        assert await trail.news() == told(Event.TWO_FACTOR_RESET, Letter.TWO_FACTOR_RESET)
        [event] = await events_of(env, Event.TWO_FACTOR_RESET)
        assert (event.user_id, event.actor_id, event.ip_address) == (member.id, None, None)

    async def test_needs_a_user_with_2fa(self, env: Environment, member: models.User) -> None:
        """Nobody, and who has no 2FA, cannot be reset."""
        await refused(reset_by_operator(env, uuid4(), "why"), UserNotFoundError)
        await refused(reset_by_operator(env, member.id, "why"), TwoFactorNotActiveError)
        await refused(reset_by_operator(env, member.id, "x" * 501), InvalidInputError)
