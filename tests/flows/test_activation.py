"""Activating 2FA: the password, an OTP, the backup codes, and the promise that they are stored."""

from datetime import timedelta

import pytest

import models
from models import LetterKind, SecurityEventKind
from tests.conftest import PASSWORD
from tests.flows.steps import (
    CLIENT,
    STEP,
    WRONG_PASSWORD,
    Enrolled,
    Trail,
    change_rules,
    confirmed_activation,
    count,
    enrol,
    interrupted,
    letters_of,
    refresh,
    refused,
    sign_in,
    sign_in_with_otp,
    state,
    told,
)
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock
from tests.support.names import plain
from twofactor.access import Viewer
from twofactor.accounts import disable_user, set_password, set_role
from twofactor.activation import acknowledge_backup_codes, confirm_otp, start_activation
from twofactor.environment import Environment
from twofactor.errors import (
    ActivationExpiredError,
    OtpNotConfirmedError,
    TwoFactorAlreadyActiveError,
    UnauthenticatedError,
    WrongOtpError,
    WrongPasswordError,
)
from twofactor.passwords import change_password
from twofactor.removal import deactivate
from twofactor.results import BackupCodesIssued, TwoFactorActivated
from twofactor.rules.backup_codes import backup_codes_file, canonical_backup_code
from twofactor.sessions import revoke_session

Event = SecurityEventKind
Letter = LetterKind
MICROSECOND = timedelta(microseconds=1)


class TestStartActivation:
    async def test_shows_a_secret_that_an_app_takes(self, env: Environment, viewer: Viewer, trail: Trail) -> None:
        """The QR code, on screen or as PNG, and the typed key are one secret; nothing is active yet."""
        await trail.news()
        answer = await start_activation(env, CLIENT, viewer, PASSWORD)

        app = Authenticator.scan(answer.qr_code.svg())
        assert app == Authenticator.scan(answer.qr_code.png_data_uri(8)) == Authenticator.parse(answer.otpauth_uri)
        assert (app.key, app.issuer, app.account_name) == (answer.key, answer.issuer, answer.account_name)
        assert (answer.issuer, answer.account_name) == (env.issuer, viewer.user.email)
        assert answer.expires_at == env.now() + timedelta(minutes=10)
        assert not (await refresh(env, viewer)).user.two_factor.is_active
        assert await trail.news() == told(Event.TWO_FACTOR_ACTIVATION_STARTED)

    async def test_needs_the_password(self, env: Environment, viewer: Viewer, trail: Trail) -> None:
        """A session alone shows no secret: a wrong password is refused, counted and told (D1)."""
        await trail.news()
        before = await state(env)

        refusal = await refused(start_activation(env, CLIENT, viewer, WRONG_PASSWORD), WrongPasswordError)

        assert refusal.attempts_remaining == 4
        assert await state(env) == before
        assert await trail.news() == told(Event.REAUTHENTICATION_FAILED)

    @pytest.mark.parametrize("password", ["", "x" * 257, "\ud800"], ids=["empty", "too long", "lone surrogate"])
    async def test_malformed_passwords_cost_nothing(self, env: Environment, viewer: Viewer, password: str) -> None:
        """What nobody can have as a password is wrong, at no cost."""
        for _ in range(6):
            refusal = await refused(start_activation(env, CLIENT, viewer, password), WrongPasswordError)
            assert (refusal.attempts_remaining, refusal.was_checked) == (5, False)

    async def test_is_refused_while_active_and_changes_nothing(
        self, env: Environment, enrolled: Enrolled, trail: Trail
    ) -> None:
        """An active enrolment cannot be overwritten: its rows stay as they are, byte for byte (D2)."""
        await trail.news()
        before = await state(env)

        await refused(start_activation(env, CLIENT, enrolled.viewer, PASSWORD), TwoFactorAlreadyActiveError)

        assert await state(env) == before
        assert await trail.news() == []

    async def test_the_newest_activation_counts(self, env: Environment, viewer: Viewer) -> None:
        """A second start has a secret of its own and ends the first, whose OTPs and name are no good any more (D3)."""
        first = await start_activation(env, CLIENT, viewer, PASSWORD)
        second = await start_activation(env, CLIENT, viewer, PASSWORD)

        assert first.key != second.key
        assert await count(env, models.Activation) == 1
        otp = Authenticator(first.key).otp(env.now())
        await refused(confirm_otp(env, CLIENT, viewer, first.activation_id, otp), ActivationExpiredError)
        await refused(confirm_otp(env, CLIENT, viewer, second.activation_id, otp), WrongOtpError)
        right = Authenticator(second.key).otp(env.now())
        await confirm_otp(env, CLIENT, viewer, second.activation_id, right)

    async def test_ends_codes_that_were_issued_but_not_acknowledged(self, env: Environment, viewer: Viewer) -> None:
        """Codes of an unfinished activation go with it."""
        first, _, _ = await confirmed_activation(env, viewer)
        await start_activation(env, CLIENT, viewer, PASSWORD)

        assert await count(env, models.BackupCode) == 0
        await refused(acknowledge_backup_codes(env, CLIENT, viewer, first), ActivationExpiredError)

    async def test_is_possible_with_backup_codes_off(
        self, env: Environment, company: models.Company, viewer: Viewer
    ) -> None:
        """The feature flag switches codes off, not 2FA (D12, as decided)."""
        await change_rules(env, company, backup_codes_enabled=False)

        await start_activation(env, CLIENT, viewer, PASSWORD)

    async def test_a_password_that_changes_while_it_is_checked_is_wrong(
        self, env: Environment, member: models.User, viewer: Viewer
    ) -> None:
        """What was right when the check began is not believed once it has changed."""

        async def change() -> None:
            async with env.database.transaction():
                await models.User.filter(id=member.id).update(password_hash="another")

        # The old hash is what is checked, the new one is what is compared in the end.
        with interrupted(env, change) as raced:
            await refused(start_activation(raced, CLIENT, viewer, PASSWORD), WrongPasswordError)

        assert await count(env, models.Activation) == 0

    async def test_a_session_that_ends_while_the_password_is_checked_starts_nothing(
        self, env: Environment, member: models.User, viewer: Viewer
    ) -> None:
        """A user disabled in the middle is signed out, and nothing has begun (C8)."""
        with interrupted(env, lambda: disable_user(env, member.id)) as raced:
            await refused(start_activation(raced, CLIENT, viewer, PASSWORD), UnauthenticatedError)

        assert await count(env, models.Activation) == 0

    async def test_a_session_that_ended_starts_nothing_though_another_lives(
        self, env: Environment, member: models.User, viewer: Viewer
    ) -> None:
        """What is acted with is this session, not any of the user's (C8)."""
        other = await sign_in(env, member.email)
        with interrupted(env, lambda: revoke_session(env, CLIENT, other, viewer.session.id)) as raced:
            await refused(start_activation(raced, CLIENT, viewer, PASSWORD), UnauthenticatedError)

        assert await count(env, models.Activation) == 0


class TestConfirmOtp:
    async def test_issues_ten_codes_and_waits_for_the_promise(
        self, env: Environment, viewer: Viewer, trail: Trail
    ) -> None:
        """A right OTP shows ten codes and a file of them; 2FA is not active before they are acknowledged."""
        activation = await start_activation(env, CLIENT, viewer, PASSWORD)
        await trail.news()

        app = Authenticator(activation.key)
        answer = await confirm_otp(env, CLIENT, viewer, activation.activation_id, app.otp(env.now()))

        assert isinstance(answer, BackupCodesIssued)
        assert answer.activation_id == activation.activation_id
        assert len(set(answer.codes)) == 10
        assert all(len(code) == 10 and canonical_backup_code(code) == code for code in answer.codes)
        assert answer.file.name == "backup-codes.txt"
        assert answer.file.content == backup_codes_file(
            answer.codes, product_name=env.issuer, account_name=viewer.user.email
        )
        assert answer.expires_at == activation.expires_at
        after = await refresh(env, viewer)
        assert not after.user.two_factor.is_active
        assert after.user.two_factor.backup_codes_remaining is None
        assert await trail.news() == told(Event.BACKUP_CODES_ISSUED)

    async def test_codes_are_kept_only_as_slow_salted_hashes(self, env: Environment, viewer: Viewer) -> None:
        """No row holds a code or the key in plain (E8)."""
        _, app, codes = await confirmed_activation(env, viewer)

        everything = repr(await state(env))

        assert app.key not in everything
        assert not any(code in everything for code in codes)

    async def test_with_codes_off_activates_at_once(
        self, env: Environment, company: models.Company, viewer: Viewer, trail: Trail
    ) -> None:
        """With the flag off there is nothing to acknowledge: the OTP activates, and no code exists."""
        await change_rules(env, company, backup_codes_enabled=False)
        activation = await start_activation(env, CLIENT, viewer, PASSWORD)
        await trail.news()

        otp = Authenticator(activation.key).otp(env.now())
        answer = await confirm_otp(env, CLIENT, viewer, activation.activation_id, otp)

        assert isinstance(answer, TwoFactorActivated)
        assert answer.two_factor.is_active
        assert answer.two_factor.activated_at == env.now()
        assert answer.two_factor.backup_codes_remaining is None
        assert await count(env, models.BackupCodeSet) == 0
        assert await trail.news() == told(Event.TWO_FACTOR_ACTIVATED, Letter.TWO_FACTOR_ACTIVATED)
        await change_rules(env, company, backup_codes_enabled=True)
        assert (await refresh(env, viewer)).user.two_factor.backup_codes_remaining == 0

    async def test_five_wrong_ones_end_the_activation(self, env: Environment, viewer: Viewer, trail: Trail) -> None:
        """Each wrong OTP is counted and told; after the fifth even the right one finds the activation over (D4)."""
        activation = await start_activation(env, CLIENT, viewer, PASSWORD)
        app = Authenticator(activation.key)
        await trail.news()
        for remaining in (4, 3, 2, 1, 0):
            attempt = confirm_otp(env, CLIENT, viewer, activation.activation_id, app.wrong_otp(env.now()))
            assert (await refused(attempt, WrongOtpError)).attempts_remaining == remaining

        right = confirm_otp(env, CLIENT, viewer, activation.activation_id, app.otp(env.now()))

        await refused(right, ActivationExpiredError)
        assert await trail.news() == told(*[Event.SECOND_FACTOR_FAILED] * 5)
        assert await count(env, models.AttemptBudget, failures__gt=0) == 0
        # Starting again is all it takes.
        await enrol(env, Clock(env.now()), viewer)

    async def test_four_wrong_ones_leave_one(self, env: Environment, viewer: Viewer) -> None:
        """Up to the limit the right OTP is accepted."""
        activation = await start_activation(env, CLIENT, viewer, PASSWORD)
        app = Authenticator(activation.key)
        for _ in range(4):
            attempt = confirm_otp(env, CLIENT, viewer, activation.activation_id, app.wrong_otp(env.now()))
            await refused(attempt, WrongOtpError)

        await confirm_otp(env, CLIENT, viewer, activation.activation_id, app.otp(env.now()))

    @pytest.mark.parametrize("otp", ["", "12345", "１２３４５６", "\ud800", "1" * 1_000_000], ids=plain)
    async def test_malformed_otps_cost_nothing(self, env: Environment, viewer: Viewer, trail: Trail, otp: str) -> None:
        """What is not six ASCII digits is wrong, at no cost."""
        activation = await start_activation(env, CLIENT, viewer, PASSWORD)
        await trail.news()

        for _ in range(6):
            attempt = confirm_otp(env, CLIENT, viewer, activation.activation_id, otp)
            refusal = await refused(attempt, WrongOtpError)
            assert (refusal.attempts_remaining, refusal.was_checked) == (5, False)

        assert await trail.news() == []
        wrong = Authenticator(activation.key).wrong_otp(env.now())
        await refused(confirm_otp(env, CLIENT, viewer, activation.activation_id, wrong), WrongOtpError)
        attempt = confirm_otp(env, CLIENT, viewer, activation.activation_id, otp)
        assert (await refused(attempt, WrongOtpError)).attempts_remaining == 4

    async def test_lives_ten_minutes(self, env: Environment, clock: Clock, viewer: Viewer) -> None:
        """Up to ten minutes an activation can be confirmed; at ten it is over (D4)."""
        activation = await start_activation(env, CLIENT, viewer, PASSWORD)
        app = Authenticator(activation.key)
        clock.advance(timedelta(minutes=10) - MICROSECOND)
        await confirm_otp(env, CLIENT, viewer, activation.activation_id, app.otp(clock.now))
        clock.advance(MICROSECOND)

        newer = confirm_otp(env, CLIENT, viewer, activation.activation_id, app.otp(clock.now + STEP))

        await refused(newer, ActivationExpiredError)
        await refused(acknowledge_backup_codes(env, CLIENT, viewer, activation.activation_id), ActivationExpiredError)

    @pytest.mark.parametrize("token", ["", "cs_activation_", "cs_activation_" + "A" * 43, "\ud800", "x" * 100_000])
    async def test_unknown_activations_are_over(self, env: Environment, viewer: Viewer, token: str) -> None:
        """What names no activation gets the answer of one that is over."""
        await refused(confirm_otp(env, CLIENT, viewer, token, "123456"), ActivationExpiredError)
        await refused(acknowledge_backup_codes(env, CLIENT, viewer, token), ActivationExpiredError)

    async def test_somebody_elses_activation_is_unknown(
        self, env: Environment, viewer: Viewer, boss: Viewer, trail: Trail
    ) -> None:
        """Another user's activation can be neither confirmed nor acknowledged, nor is it counted on (D4, D8)."""
        activation = await start_activation(env, CLIENT, viewer, PASSWORD)
        app = Authenticator(activation.key)
        await trail.news()
        before = await state(env)

        attempt = confirm_otp(env, CLIENT, boss, activation.activation_id, app.otp(env.now()))
        await refused(attempt, ActivationExpiredError)
        await refused(acknowledge_backup_codes(env, CLIENT, boss, activation.activation_id), ActivationExpiredError)

        assert await state(env) == before
        assert await trail.news() == []

    async def test_asked_again_with_the_same_otp_it_refuses(
        self, env: Environment, viewer: Viewer, trail: Trail
    ) -> None:
        """An OTP confirms once: its replay shows no codes, and leaves the first ones in force (D6)."""
        activation_id, app, _ = await confirmed_activation(env, viewer)
        await trail.news()
        before = await count(env, models.BackupCodeSet)

        replay = confirm_otp(env, CLIENT, viewer, activation_id, app.otp(env.now()))

        assert (await refused(replay, WrongOtpError)).attempts_remaining == 4
        assert await count(env, models.BackupCodeSet) == before == 1
        assert await trail.news() == told(Event.SECOND_FACTOR_FAILED)

    async def test_asked_again_with_a_newer_otp_it_issues_fresh_codes(
        self, env: Environment, clock: Clock, member: models.User, viewer: Viewer
    ) -> None:
        """Who lost the answer gets new codes; of the first ones none is left (rule 15, D7)."""
        activation_id, app, first = await confirmed_activation(env, viewer)
        clock.advance(STEP)

        second = await confirm_otp(env, CLIENT, viewer, activation_id, app.otp(clock.now))

        assert isinstance(second, BackupCodesIssued)
        assert not set(first) & set(second.codes)
        assert await count(env, models.BackupCode) == 10
        await acknowledge_backup_codes(env, CLIENT, viewer, activation_id)
        clock.advance(STEP)
        assert (await sign_in_with_otp(env, member.email, app)).user.two_factor.backup_codes_remaining == 10

    async def test_codes_that_are_never_acknowledged_lock_nobody_out(
        self, env: Environment, clock: Clock, member: models.User, viewer: Viewer
    ) -> None:
        """Without the promise 2FA stays off, before and after the activation runs out (D7)."""
        await confirmed_activation(env, viewer)
        await sign_in(env, member.email)
        clock.advance(timedelta(minutes=10))

        await sign_in(env, member.email)

    async def test_switched_on_before_the_otp_codes_are_issued(
        self, env: Environment, company: models.Company, viewer: Viewer
    ) -> None:
        """The flag is read when it counts: off at the start and on at the OTP, codes are issued (rule 16)."""
        await change_rules(env, company, backup_codes_enabled=False)
        activation = await start_activation(env, CLIENT, viewer, PASSWORD)
        await change_rules(env, company, backup_codes_enabled=True)

        otp = Authenticator(activation.key).otp(env.now())
        answer = await confirm_otp(env, CLIENT, viewer, activation.activation_id, otp)

        assert isinstance(answer, BackupCodesIssued)

    async def test_switched_off_while_the_codes_are_hashed_it_activates(
        self, env: Environment, company: models.Company, viewer: Viewer
    ) -> None:
        """On when the OTP was checked and off once codes were hashed: none are issued, and 2FA is active (rule 16)."""
        activation = await start_activation(env, CLIENT, viewer, PASSWORD)
        otp = Authenticator(activation.key).otp(env.now())

        with interrupted(env, lambda: change_rules(env, company, backup_codes_enabled=False)) as raced:
            answer = await confirm_otp(raced, CLIENT, viewer, activation.activation_id, otp)

        assert isinstance(answer, TwoFactorActivated)
        assert await count(env, models.BackupCodeSet) == 0
        await change_rules(env, company, backup_codes_enabled=True)
        assert (await refresh(env, viewer)).user.two_factor.backup_codes_remaining == 0

    async def test_switched_off_before_it_is_asked_again_it_activates_without_codes(
        self, env: Environment, clock: Clock, company: models.Company, viewer: Viewer
    ) -> None:
        """Codes that were shown but not acknowledged do not come into force by an OTP."""
        activation_id, app, _ = await confirmed_activation(env, viewer)
        await change_rules(env, company, backup_codes_enabled=False)
        clock.advance(STEP)

        answer = await confirm_otp(env, CLIENT, viewer, activation_id, app.otp(clock.now))

        assert isinstance(answer, TwoFactorActivated)
        assert await count(env, models.BackupCode) == 0
        await change_rules(env, company, backup_codes_enabled=True)
        assert (await refresh(env, viewer)).user.two_factor.backup_codes_remaining == 0

    async def test_replaced_while_its_codes_are_hashed_it_issues_none(self, env: Environment, viewer: Viewer) -> None:
        """A start in another tab ends the activation, also where its OTP has just been accepted."""
        activation = await start_activation(env, CLIENT, viewer, PASSWORD)
        otp = Authenticator(activation.key).otp(env.now())

        with interrupted(env, lambda: start_activation(env, CLIENT, viewer, PASSWORD)) as raced:
            await refused(confirm_otp(raced, CLIENT, viewer, activation.activation_id, otp), ActivationExpiredError)

        assert await count(env, models.BackupCode) == 0

    async def test_a_seed_that_cannot_be_opened_confirms_nothing(self, env: Environment, viewer: Viewer) -> None:
        """A seed that was tampered with is refused and counted like a wrong OTP (K6)."""
        activation = await start_activation(env, CLIENT, viewer, PASSWORD)
        async with env.database.transaction():
            await models.Activation.all().update(sealed_seed=bytes(48))

        otp = Authenticator(activation.key).otp(env.now())
        refusal = await refused(confirm_otp(env, CLIENT, viewer, activation.activation_id, otp), WrongOtpError)

        assert refusal.attempts_remaining == 4


class TestAcknowledgeBackupCodes:
    async def test_activates(
        self, env: Environment, member: models.User, viewer: Viewer, clock: Clock, trail: Trail
    ) -> None:
        """The promise activates: ten codes in force, one event, one letter, and every other session over."""
        other = await sign_in(env, member.email)
        activation_id, app, _ = await confirmed_activation(env, viewer)
        await trail.news()

        answer = await acknowledge_backup_codes(env, CLIENT, viewer, activation_id)

        assert answer.two_factor.is_active
        assert answer.two_factor.activated_at == env.now()
        assert answer.two_factor.backup_codes_remaining == 10
        assert await count(env, models.Session, id=other.session.id) == 0
        assert await count(env, models.Session, id=viewer.session.id) == 1
        assert await count(env, models.Activation) == 0
        assert await trail.news() == told(Event.TWO_FACTOR_ACTIVATED, Letter.TWO_FACTOR_ACTIVATED)
        [letter] = await letters_of(env, Letter.TWO_FACTOR_ACTIVATED)
        assert (letter.recipient_email, letter.locale) == (member.email, "de")
        clock.advance(STEP)
        await sign_in_with_otp(env, member.email, app)

    async def test_before_an_otp_it_is_refused(self, env: Environment, viewer: Viewer, trail: Trail) -> None:
        """Steps cannot be skipped: without a confirmed OTP there is nothing to acknowledge (D8)."""
        activation = await start_activation(env, CLIENT, viewer, PASSWORD)
        await trail.news()
        before = await state(env)

        await refused(acknowledge_backup_codes(env, CLIENT, viewer, activation.activation_id), OtpNotConfirmedError)

        assert await state(env) == before
        assert await trail.news() == []

    async def test_asked_again_it_answers_the_same(
        self, env: Environment, clock: Clock, viewer: Viewer, trail: Trail
    ) -> None:
        """Who lost the answer asks again: nothing happens twice, however late, while the enrolment lasts (rule 15)."""
        activation_id, _, _ = await confirmed_activation(env, viewer)
        first = await acknowledge_backup_codes(env, CLIENT, viewer, activation_id)
        await trail.news()
        before = await state(env)
        clock.advance(timedelta(days=3))

        assert await acknowledge_backup_codes(env, CLIENT, viewer, activation_id) == first

        assert await state(env) == before
        assert await trail.news() == []

    async def test_only_the_call_that_activated_is_repeated(
        self, env: Environment, viewer: Viewer, clock: Clock
    ) -> None:
        """`confirmOtp` after an acknowledgement finds the activation over, and shows no codes."""
        activation_id, app, _ = await confirmed_activation(env, viewer)
        await acknowledge_backup_codes(env, CLIENT, viewer, activation_id)
        clock.advance(STEP)

        attempt = confirm_otp(env, CLIENT, viewer, activation_id, app.otp(clock.now))

        await refused(attempt, ActivationExpiredError)

    async def test_confirming_that_activated_is_repeated_without_checking(
        self, env: Environment, company: models.Company, viewer: Viewer, trail: Trail
    ) -> None:
        """With codes off the repeated `confirmOtp` answers the same to any OTP, at no cost (rule 15)."""
        await change_rules(env, company, backup_codes_enabled=False)
        activation_id, app, _ = await confirmed_activation(env, viewer)
        await trail.news()
        before = await state(env)

        for otp in (app.otp(env.now()), app.wrong_otp(env.now()), "no OTP"):
            answer = await confirm_otp(env, CLIENT, viewer, activation_id, otp)
            assert isinstance(answer, TwoFactorActivated)

        await refused(acknowledge_backup_codes(env, CLIENT, viewer, activation_id), ActivationExpiredError)
        assert await state(env) == before
        assert await trail.news() == []

    async def test_is_over_once_the_enrolment_is(self, env: Environment, clock: Clock, viewer: Viewer) -> None:
        """After a deactivation the old activation is over, also once 2FA is active anew (rule 15)."""
        activation_id, _, _ = await confirmed_activation(env, viewer)
        await acknowledge_backup_codes(env, CLIENT, viewer, activation_id)
        await deactivate(env, CLIENT, viewer, PASSWORD)
        await refused(acknowledge_backup_codes(env, CLIENT, viewer, activation_id), ActivationExpiredError)
        clock.advance(STEP)
        await enrol(env, clock, viewer)

        await refused(acknowledge_backup_codes(env, CLIENT, viewer, activation_id), ActivationExpiredError)

    async def test_switched_off_before_it_codes_lie_dormant(
        self, env: Environment, company: models.Company, viewer: Viewer
    ) -> None:
        """On at the OTP and off at the promise, it still activates; codes work when the flag is back (rule 16)."""
        activation_id, _, _ = await confirmed_activation(env, viewer)
        await change_rules(env, company, backup_codes_enabled=False)

        answer = await acknowledge_backup_codes(env, CLIENT, viewer, activation_id)

        assert answer.two_factor.is_active
        assert answer.two_factor.backup_codes_remaining is None
        await change_rules(env, company, backup_codes_enabled=True)
        assert (await refresh(env, viewer)).user.two_factor.backup_codes_remaining == 10


class TestChangesToTheAccount:
    @pytest.mark.parametrize("change", ["password", "password by the operator", "role", "disable"])
    async def test_end_an_activation(self, env: Environment, member: models.User, viewer: Viewer, change: str) -> None:
        """An activation from before a change to password, role or account cannot be finished after it (rule 6)."""
        activation_id, app, _ = await confirmed_activation(env, viewer)
        match change:
            case "password":
                await change_password(env, CLIENT, viewer, PASSWORD, "tr0ub4dor and three more words")
                error: type[ActivationExpiredError | UnauthenticatedError] = ActivationExpiredError
            case "password by the operator":
                await set_password(env, member.id, "tr0ub4dor and three more words")
                error = UnauthenticatedError
            case "role":
                await set_role(env, member.id, models.Role.ADMIN)
                error = ActivationExpiredError
            case "disable":
                await disable_user(env, member.id)
                error = UnauthenticatedError

        await refused(confirm_otp(env, CLIENT, viewer, activation_id, app.otp(env.now() + STEP)), error)
        await refused(acknowledge_backup_codes(env, CLIENT, viewer, activation_id), error)

        assert await count(env, models.Activation) == await count(env, models.BackupCode) == 0
        assert await count(env, models.Authenticator) == 0
