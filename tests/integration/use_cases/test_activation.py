"""Activation of 2FA: password, OTP, backup codes and their acknowledgement."""

import asyncio
from datetime import timedelta

import pytest

import models
from accounts.errors import UnauthenticatedError, WrongPasswordError
from accounts.passwords import change_password
from accounts.permissions import Viewer
from accounts.services import Services
from accounts.sessions import revoke_session
from accounts.users import disable_user, set_password, set_role
from models import SecurityEventKind
from security.constants import CONFIRM_ATTEMPTS
from tests.integration.use_cases.helpers import (
    CLIENT,
    Enrolled,
    SideEffects,
    account_rows,
    before_hashing,
    count_rows,
    emails_of,
    enrol,
    raises,
    reload_viewer,
    sign_in,
    sign_in_with_otp,
    start_and_confirm_activation,
)
from tests.support.authenticator import Authenticator
from tests.support.clock import TIME_STEP, Clock
from tests.support.parameter_ids import printable_id
from tests.support.users import PASSWORD, WRONG_PASSWORD, set_security_policy
from twofactor.activation import TwoFactorActivated, acknowledge_backup_codes, start_activation
from twofactor.confirmation import BackupCodesIssued, confirm_otp
from twofactor.errors import ActivationExpiredError, OtpNotConfirmedError, TwoFactorAlreadyActiveError, WrongOtpError
from twofactor.factors.backup_code_file import backup_codes_file
from twofactor.factors.backup_code_format import normalise_backup_code
from twofactor.removal import deactivate

Event = SecurityEventKind
MICROSECOND = timedelta(microseconds=1)


class TestStartActivation:
    async def test_returns_a_totp_secret_for_an_authenticator(
        self, services: Services, viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """The otpauth URI and the key have one secret. It expires after ten minutes. 2FA is not active yet."""
        await side_effects.new()
        answer = await start_activation(services, CLIENT, viewer, PASSWORD)

        authenticator = Authenticator.parse(answer.otpauth_uri)
        assert (authenticator.key, authenticator.issuer, authenticator.account_name) == (
            answer.key,
            answer.issuer,
            answer.account_name,
        )
        assert (answer.issuer, answer.account_name) == (services.issuer, viewer.user.email)
        assert answer.expires_at == services.now() + timedelta(minutes=10)
        assert not (await reload_viewer(services, viewer)).user.two_factor.is_active
        assert await side_effects.new() == side_effects.expected(Event.TWO_FACTOR_ACTIVATION_STARTED)

    @pytest.mark.attack("D1")
    async def test_requires_the_password(self, services: Services, viewer: Viewer, side_effects: SideEffects) -> None:
        """A wrong password uses one attempt, records an event and starts no activation."""
        await side_effects.new()
        before = await account_rows(services)

        error = await raises(start_activation(services, CLIENT, viewer, WRONG_PASSWORD), WrongPasswordError)

        assert error.attempts_remaining == 4
        assert await account_rows(services) == before
        assert await side_effects.new() == side_effects.expected(Event.REAUTHENTICATION_FAILED)

    @pytest.mark.parametrize("password", ["", "x" * 257, "\ud800"], ids=["empty", "too long", "lone surrogate"])
    async def test_malformed_password_uses_no_attempt(self, services: Services, viewer: Viewer, password: str) -> None:
        """No user can have this password, so the server does not check it."""
        for _ in range(6):
            error = await raises(start_activation(services, CLIENT, viewer, password), WrongPasswordError)
            assert (error.attempts_remaining, error.was_checked) == (5, False)

    @pytest.mark.attack("D2")
    async def test_rejects_a_user_with_active_2fa(
        self, services: Services, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """The rows of the active enrolment stay the same, byte for byte."""
        await side_effects.new()
        before = await account_rows(services)

        await raises(start_activation(services, CLIENT, enrolled.viewer, PASSWORD), TwoFactorAlreadyActiveError)

        assert await account_rows(services) == before
        assert await side_effects.new() == []

    @pytest.mark.attack("D3")
    async def test_new_activation_ends_the_earlier_one(self, services: Services, viewer: Viewer) -> None:
        """It has its own secret. The id and the OTPs of the earlier activation no longer work."""
        first = await start_activation(services, CLIENT, viewer, PASSWORD)
        second = await start_activation(services, CLIENT, viewer, PASSWORD)

        assert first.key != second.key
        assert await count_rows(services, models.Activation) == 1
        otp = Authenticator(first.key).otp(services.now())
        await raises(confirm_otp(services, CLIENT, viewer, first.activation_id, otp), ActivationExpiredError)
        await raises(confirm_otp(services, CLIENT, viewer, second.activation_id, otp), WrongOtpError)
        right = Authenticator(second.key).otp(services.now())
        await confirm_otp(services, CLIENT, viewer, second.activation_id, right)

    async def test_deletes_codes_of_an_unfinished_activation(self, services: Services, viewer: Viewer) -> None:
        """These codes cannot be acknowledged any more."""
        first, _, _ = await start_and_confirm_activation(services, viewer)
        await start_activation(services, CLIENT, viewer, PASSWORD)

        assert await count_rows(services, models.BackupCode) == 0
        await raises(acknowledge_backup_codes(services, CLIENT, viewer, first), ActivationExpiredError)

    @pytest.mark.attack("D12")
    async def test_works_while_backup_codes_are_off(
        self, services: Services, company: models.Company, viewer: Viewer
    ) -> None:
        """The feature flag turns off backup codes, not 2FA."""
        await set_security_policy(services.database, company, backup_codes_enabled=False)

        await start_activation(services, CLIENT, viewer, PASSWORD)

    async def test_rejects_a_password_that_changes_during_its_check(
        self, services: Services, member: models.User, viewer: Viewer
    ) -> None:
        """The password is right when the check starts, and wrong when it ends."""

        async def change() -> None:
            async with services.database.transaction():
                await models.User.filter(id=member.id).update(password_hash="another")

        # The server checks the old hash. At the end it compares that hash with the new one in the database.
        with before_hashing(services, change) as hooked:
            await raises(start_activation(hooked, CLIENT, viewer, PASSWORD), WrongPasswordError)

        assert await count_rows(services, models.Activation) == 0

    @pytest.mark.attack("C8")
    async def test_rejects_a_user_who_is_disabled_during_the_password_check(
        self, services: Services, member: models.User, viewer: Viewer
    ) -> None:
        """Disabling the user ends the session, so no activation starts."""
        with before_hashing(services, lambda: disable_user(services, member.id)) as hooked:
            await raises(start_activation(hooked, CLIENT, viewer, PASSWORD), UnauthenticatedError)

        assert await count_rows(services, models.Activation) == 0

    @pytest.mark.attack("C8")
    async def test_rejects_a_session_that_ends_during_the_password_check(
        self, services: Services, member: models.User, viewer: Viewer
    ) -> None:
        """Another live session of the same user makes no difference."""
        other = await sign_in(services, member.email)
        with before_hashing(services, lambda: revoke_session(services, CLIENT, other, viewer.session.id)) as hooked:
            await raises(start_activation(hooked, CLIENT, viewer, PASSWORD), UnauthenticatedError)

        assert await count_rows(services, models.Activation) == 0


class TestConfirmOtp:
    async def test_issues_ten_codes_without_activating(
        self, services: Services, viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """A right OTP returns ten codes and a file of them. 2FA is active only after the acknowledgement."""
        activation = await start_activation(services, CLIENT, viewer, PASSWORD)
        await side_effects.new()

        authenticator = Authenticator(activation.key)
        answer = await confirm_otp(
            services, CLIENT, viewer, activation.activation_id, authenticator.otp(services.now())
        )

        assert isinstance(answer, BackupCodesIssued)
        assert answer.activation_id == activation.activation_id
        assert len(set(answer.codes)) == 10
        assert all(len(code) == 10 and normalise_backup_code(code) == code for code in answer.codes)
        assert (answer.file.name, answer.file.content) == backup_codes_file(
            answer.codes,
            product_name=services.issuer,
            account_name=viewer.user.email,
            created_at=services.now(),
            locale="de",
        )
        assert answer.expires_at == activation.expires_at
        after = await reload_viewer(services, viewer)
        assert not after.user.two_factor.is_active
        assert after.user.two_factor.backup_codes_remaining is None
        assert await side_effects.new() == side_effects.expected(Event.BACKUP_CODES_ISSUED)

    @pytest.mark.attack("E8")
    async def test_stores_no_code_and_no_key_in_plain_text(self, services: Services, viewer: Viewer) -> None:
        """Codes are stored only as slow, salted hashes. The TOTP secret is encrypted."""
        _, authenticator, codes = await start_and_confirm_activation(services, viewer)

        everything = repr(await account_rows(services))

        assert authenticator.key not in everything
        assert not any(code in everything for code in codes)

    async def test_activates_at_once_while_backup_codes_are_off(
        self, services: Services, company: models.Company, viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """There is nothing to acknowledge. The user has no codes, even after the flag is on again."""
        await set_security_policy(services.database, company, backup_codes_enabled=False)
        activation = await start_activation(services, CLIENT, viewer, PASSWORD)
        await side_effects.new()

        otp = Authenticator(activation.key).otp(services.now())
        answer = await confirm_otp(services, CLIENT, viewer, activation.activation_id, otp)

        assert isinstance(answer, TwoFactorActivated)
        assert answer.two_factor.is_active
        assert answer.two_factor.activated_at == services.now()
        assert answer.two_factor.backup_codes_remaining is None
        assert await count_rows(services, models.BackupCodeSet) == 0
        assert await side_effects.new() == side_effects.expected(Event.TWO_FACTOR_ACTIVATED, "two_factor_activated")
        await set_security_policy(services.database, company, backup_codes_enabled=True)
        assert (await reload_viewer(services, viewer)).user.two_factor.backup_codes_remaining == 0

    @pytest.mark.attack("D4")
    async def test_five_wrong_otps_end_the_activation(
        self, services: Services, viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """Each one is recorded. Then the right OTP does not work either, but the user can start again."""
        activation = await start_activation(services, CLIENT, viewer, PASSWORD)
        authenticator = Authenticator(activation.key)
        await side_effects.new()
        for remaining in (4, 3, 2, 1, 0):
            attempt = confirm_otp(
                services, CLIENT, viewer, activation.activation_id, authenticator.wrong_otp(services.now())
            )
            assert (await raises(attempt, WrongOtpError)).attempts_remaining == remaining

        right = confirm_otp(services, CLIENT, viewer, activation.activation_id, authenticator.otp(services.now()))

        await raises(right, ActivationExpiredError)
        assert await side_effects.new() == side_effects.expected(*[Event.SECOND_FACTOR_FAILED] * 5)
        assert await count_rows(services, models.AttemptCount, failures__gt=0) == 0
        # The user can start a new activation.
        await enrol(services, Clock(services.now()), viewer)

    async def test_right_otp_works_after_four_wrong_ones(self, services: Services, viewer: Viewer) -> None:
        """The limit is five wrong OTPs."""
        activation = await start_activation(services, CLIENT, viewer, PASSWORD)
        authenticator = Authenticator(activation.key)
        for _ in range(4):
            attempt = confirm_otp(
                services, CLIENT, viewer, activation.activation_id, authenticator.wrong_otp(services.now())
            )
            await raises(attempt, WrongOtpError)

        await confirm_otp(services, CLIENT, viewer, activation.activation_id, authenticator.otp(services.now()))

    @pytest.mark.parametrize("otp", ["", "12345", "١٢٣٤٥٦", "\ud800", "1" * 1_000_000], ids=printable_id)
    async def test_malformed_otp_uses_no_attempt(
        self, services: Services, viewer: Viewer, side_effects: SideEffects, otp: str
    ) -> None:
        """Only six ASCII digits are checked. Other input gets the error of a wrong OTP, and no event is recorded."""
        activation = await start_activation(services, CLIENT, viewer, PASSWORD)
        await side_effects.new()

        for _ in range(6):
            attempt = confirm_otp(services, CLIENT, viewer, activation.activation_id, otp)
            error = await raises(attempt, WrongOtpError)
            assert (error.attempts_remaining, error.was_checked) == (5, False)

        assert await side_effects.new() == []
        wrong = Authenticator(activation.key).wrong_otp(services.now())
        await raises(confirm_otp(services, CLIENT, viewer, activation.activation_id, wrong), WrongOtpError)
        attempt = confirm_otp(services, CLIENT, viewer, activation.activation_id, otp)
        assert (await raises(attempt, WrongOtpError)).attempts_remaining == 4

    @pytest.mark.attack("D4")
    async def test_activation_expires_after_ten_minutes(self, services: Services, clock: Clock, viewer: Viewer) -> None:
        """One microsecond before that the OTP is accepted."""
        activation = await start_activation(services, CLIENT, viewer, PASSWORD)
        authenticator = Authenticator(activation.key)
        clock.advance(timedelta(minutes=10) - MICROSECOND)
        await confirm_otp(services, CLIENT, viewer, activation.activation_id, authenticator.otp(clock.now))
        clock.advance(MICROSECOND)

        newer = confirm_otp(
            services, CLIENT, viewer, activation.activation_id, authenticator.otp(clock.now + TIME_STEP)
        )

        await raises(newer, ActivationExpiredError)
        await raises(
            acknowledge_backup_codes(services, CLIENT, viewer, activation.activation_id), ActivationExpiredError
        )

    @pytest.mark.parametrize(
        "token",
        ["", "cs_activation_", "cs_activation_" + "A" * 43, "cs_replacement_" + "A" * 43, "\ud800", "x" * 100_000],
    )
    async def test_unknown_activation_returns_the_error_of_an_expired_one(
        self, services: Services, viewer: Viewer, token: str
    ) -> None:
        """This includes malformed ids."""
        await raises(confirm_otp(services, CLIENT, viewer, token, "123456"), ActivationExpiredError)
        await raises(acknowledge_backup_codes(services, CLIENT, viewer, token), ActivationExpiredError)

    @pytest.mark.attack("D4", "D8")
    async def test_activation_of_another_user_is_unknown(
        self, services: Services, viewer: Viewer, admin_viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """The other user can neither confirm nor acknowledge it, and uses none of its attempts."""
        activation = await start_activation(services, CLIENT, viewer, PASSWORD)
        authenticator = Authenticator(activation.key)
        await side_effects.new()
        before = await account_rows(services)

        attempt = confirm_otp(
            services, CLIENT, admin_viewer, activation.activation_id, authenticator.otp(services.now())
        )
        await raises(attempt, ActivationExpiredError)
        await raises(
            acknowledge_backup_codes(services, CLIENT, admin_viewer, activation.activation_id), ActivationExpiredError
        )

        assert await account_rows(services) == before
        assert await side_effects.new() == []

    @pytest.mark.attack("D6")
    async def test_repeated_otp_returns_the_same_codes(
        self, services: Services, clock: Clock, viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """As often as the session asks, and even after the OTP has expired. It changes no row and uses no attempt."""
        activation = await start_activation(services, CLIENT, viewer, PASSWORD)
        otp = Authenticator(activation.key).otp(clock.now)
        first = await confirm_otp(services, CLIENT, viewer, activation.activation_id, otp)
        await side_effects.new()
        before = await account_rows(services)
        clock.advance(timedelta(minutes=9))

        for _ in range(CONFIRM_ATTEMPTS + 1):
            assert await confirm_otp(services, CLIENT, viewer, activation.activation_id, otp) == first

        assert await account_rows(services) == before
        assert await side_effects.new() == []

    @pytest.mark.attack("D6")
    async def test_used_otp_is_wrong_in_another_session(
        self, services: Services, member: models.User, viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """Another session of the same user gets no codes and uses one attempt. The first codes stay valid."""
        activation_id, authenticator, _ = await start_and_confirm_activation(services, viewer)
        other = await sign_in(services, member.email)
        await side_effects.new()

        replay = confirm_otp(services, CLIENT, other, activation_id, authenticator.otp(services.now()))

        assert (await raises(replay, WrongOtpError)).attempts_remaining == 4
        assert await count_rows(services, models.BackupCodeSet) == 1
        assert await side_effects.new() == side_effects.expected(Event.SECOND_FACTOR_FAILED)

    @pytest.mark.attack("D6")
    async def test_otp_before_a_newer_one_is_wrong(
        self, services: Services, clock: Clock, viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """Only the newest OTP returns its codes again."""
        activation_id, authenticator, _ = await start_and_confirm_activation(services, viewer)
        older = authenticator.otp(clock.now)
        clock.advance(TIME_STEP)
        newer = authenticator.otp(clock.now)
        second = await confirm_otp(services, CLIENT, viewer, activation_id, newer)
        await side_effects.new()

        await raises(confirm_otp(services, CLIENT, viewer, activation_id, older), WrongOtpError)

        assert await confirm_otp(services, CLIENT, viewer, activation_id, newer) == second
        assert await count_rows(services, models.UnacknowledgedCodes) == 1
        assert await side_effects.new() == side_effects.expected(Event.SECOND_FACTOR_FAILED)

    @pytest.mark.attack("D5")
    async def test_repeated_otp_waits_for_the_codes(self, services: Services, viewer: Viewer) -> None:
        """A second click sends the OTP while the server still hashes the codes. Both get the same codes."""
        activation = await start_activation(services, CLIENT, viewer, PASSWORD)
        otp = Authenticator(activation.key).otp(services.now())
        duplicates: list[asyncio.Task[object]] = []

        async def click_again() -> None:
            duplicate = confirm_otp(services, CLIENT, viewer, activation.activation_id, otp)
            duplicates.append(asyncio.create_task(duplicate))

        with before_hashing(services, click_again) as hooked:
            first = await confirm_otp(hooked, CLIENT, viewer, activation.activation_id, otp)

        assert await duplicates[0] == first
        assert await count_rows(services, models.BackupCodeSet) == 1

    @pytest.mark.attack("K4")
    async def test_repeated_otp_computes_the_codes_if_they_do_not_come(
        self, services: Services, viewer: Viewer, side_effects: SideEffects, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The process of the first call may have died. If it is only slow, it returns the same codes."""
        monkeypatch.setattr("twofactor.factors.backup_codes.DUPLICATE_WAIT_S", 0.1)
        activation = await start_activation(services, CLIENT, viewer, PASSWORD)
        otp = Authenticator(activation.key).otp(services.now())
        await side_effects.new()
        repeated: list[object] = []

        async def repeat() -> None:
            repeated.append(await confirm_otp(services, CLIENT, viewer, activation.activation_id, otp))

        with before_hashing(services, repeat) as hooked:
            first = await confirm_otp(hooked, CLIENT, viewer, activation.activation_id, otp)

        assert isinstance(first, BackupCodesIssued)
        assert repeated == [first]
        assert await side_effects.new() == side_effects.expected(Event.BACKUP_CODES_ISSUED)

    async def test_otp_that_a_newer_one_replaces_during_hashing_is_wrong(
        self, services: Services, clock: Clock, viewer: Viewer
    ) -> None:
        """The activation continues, so the user must not be told that it has ended. No attempt is used."""
        activation = await start_activation(services, CLIENT, viewer, PASSWORD)
        authenticator = Authenticator(activation.key)
        newer: list[object] = []

        async def enter_newer_otp() -> None:
            otp = authenticator.otp(clock.now + TIME_STEP)
            newer.append(await confirm_otp(services, CLIENT, viewer, activation.activation_id, otp))

        with before_hashing(services, enter_newer_otp) as hooked:
            older = confirm_otp(hooked, CLIENT, viewer, activation.activation_id, authenticator.otp(clock.now))
            error = await raises(older, WrongOtpError)

        assert (error.attempts_remaining, error.was_checked) == (5, False)
        assert isinstance(newer[0], BackupCodesIssued)
        await acknowledge_backup_codes(services, CLIENT, viewer, activation.activation_id)

    async def test_acknowledgement_during_a_repeated_call_returns_its_result(
        self, services: Services, viewer: Viewer, clock: Clock
    ) -> None:
        """A newer OTP is slow to hash, and the user acknowledges the codes of the first one meanwhile."""
        activation_id, authenticator, _ = await start_and_confirm_activation(services, viewer)
        acknowledged: list[object] = []

        async def acknowledge() -> None:
            acknowledged.append(await acknowledge_backup_codes(services, CLIENT, viewer, activation_id))

        clock.advance(TIME_STEP)
        with before_hashing(services, acknowledge) as hooked:
            answer = await confirm_otp(hooked, CLIENT, viewer, activation_id, authenticator.otp(clock.now))

        assert acknowledged == [answer]

    async def test_repeated_otp_activates_if_the_flag_is_turned_off_during_hashing(
        self, services: Services, company: models.Company, viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """The call that hashes the codes returns the same result."""
        activation = await start_activation(services, CLIENT, viewer, PASSWORD)
        otp = Authenticator(activation.key).otp(services.now())
        await side_effects.new()
        repeated: list[object] = []

        async def turn_off_and_repeat() -> None:
            await set_security_policy(services.database, company, backup_codes_enabled=False)
            repeated.append(await confirm_otp(services, CLIENT, viewer, activation.activation_id, otp))

        with before_hashing(services, turn_off_and_repeat) as hooked:
            first = await confirm_otp(hooked, CLIENT, viewer, activation.activation_id, otp)

        assert isinstance(first, TwoFactorActivated)
        assert repeated == [first]
        assert await side_effects.new() == side_effects.expected(Event.TWO_FACTOR_ACTIVATED, "two_factor_activated")

    @pytest.mark.parametrize("end", ["acknowledgement", "new activation"])
    async def test_encrypted_codes_are_deleted_with_the_activation(
        self, services: Services, viewer: Viewer, end: str
    ) -> None:
        """After that, no key decrypts the codes of the user."""
        activation_id, _, _ = await start_and_confirm_activation(services, viewer)
        assert await count_rows(services, models.UnacknowledgedCodes) == 1

        if end == "acknowledgement":
            await acknowledge_backup_codes(services, CLIENT, viewer, activation_id)
        else:
            await start_activation(services, CLIENT, viewer, PASSWORD)

        assert await count_rows(services, models.UnacknowledgedCodes) == 0

    async def test_codes_that_cannot_be_decrypted_are_replaced(self, services: Services, viewer: Viewer) -> None:
        """Somebody has changed the row. The repeated OTP issues new codes."""
        activation_id, authenticator, first = await start_and_confirm_activation(services, viewer)
        async with services.database.transaction():
            await models.UnacknowledgedCodes.all().update(encrypted_secret=b"changed")

        again = await confirm_otp(services, CLIENT, viewer, activation_id, authenticator.otp(services.now()))

        assert isinstance(again, BackupCodesIssued)
        assert not set(first) & set(again.codes)

    @pytest.mark.attack("D7")
    async def test_newer_otp_issues_new_codes(
        self, services: Services, clock: Clock, member: models.User, viewer: Viewer
    ) -> None:
        """A client that lost the response gets new codes. The first ones no longer work."""
        activation_id, authenticator, first = await start_and_confirm_activation(services, viewer)
        clock.advance(TIME_STEP)

        second = await confirm_otp(services, CLIENT, viewer, activation_id, authenticator.otp(clock.now))

        assert isinstance(second, BackupCodesIssued)
        assert not set(first) & set(second.codes)
        assert await count_rows(services, models.BackupCode) == 10
        await acknowledge_backup_codes(services, CLIENT, viewer, activation_id)
        clock.advance(TIME_STEP)
        assert (
            await sign_in_with_otp(services, member.email, authenticator)
        ).user.two_factor.backup_codes_remaining == 10

    @pytest.mark.attack("D7")
    async def test_unacknowledged_codes_do_not_lock_the_user_out(
        self, services: Services, clock: Clock, member: models.User, viewer: Viewer
    ) -> None:
        """2FA stays off, before and after the activation expires."""
        await start_and_confirm_activation(services, viewer)
        await sign_in(services, member.email)
        clock.advance(timedelta(minutes=10))

        await sign_in(services, member.email)

    async def test_issues_codes_if_the_flag_is_turned_on_before_the_otp(
        self, services: Services, company: models.Company, viewer: Viewer
    ) -> None:
        """The server reads the flag when it confirms the OTP, not when the activation starts."""
        await set_security_policy(services.database, company, backup_codes_enabled=False)
        activation = await start_activation(services, CLIENT, viewer, PASSWORD)
        await set_security_policy(services.database, company, backup_codes_enabled=True)

        otp = Authenticator(activation.key).otp(services.now())
        answer = await confirm_otp(services, CLIENT, viewer, activation.activation_id, otp)

        assert isinstance(answer, BackupCodesIssued)

    async def test_activates_without_codes_if_the_flag_is_turned_off_during_hashing(
        self, services: Services, company: models.Company, viewer: Viewer
    ) -> None:
        """The server reads the flag again when it commits. It issues no codes."""
        activation = await start_activation(services, CLIENT, viewer, PASSWORD)
        otp = Authenticator(activation.key).otp(services.now())

        with before_hashing(
            services, lambda: set_security_policy(services.database, company, backup_codes_enabled=False)
        ) as hooked:
            answer = await confirm_otp(hooked, CLIENT, viewer, activation.activation_id, otp)

        assert isinstance(answer, TwoFactorActivated)
        assert await count_rows(services, models.BackupCodeSet) == 0
        await set_security_policy(services.database, company, backup_codes_enabled=True)
        assert (await reload_viewer(services, viewer)).user.two_factor.backup_codes_remaining == 0

    async def test_activates_without_codes_if_the_flag_is_turned_off_before_a_newer_otp(
        self, services: Services, clock: Clock, company: models.Company, viewer: Viewer
    ) -> None:
        """Codes that were issued but not acknowledged never become valid."""
        activation_id, authenticator, _ = await start_and_confirm_activation(services, viewer)
        await set_security_policy(services.database, company, backup_codes_enabled=False)
        clock.advance(TIME_STEP)

        answer = await confirm_otp(services, CLIENT, viewer, activation_id, authenticator.otp(clock.now))

        assert isinstance(answer, TwoFactorActivated)
        assert await count_rows(services, models.BackupCode) == 0
        await set_security_policy(services.database, company, backup_codes_enabled=True)
        assert (await reload_viewer(services, viewer)).user.two_factor.backup_codes_remaining == 0

    async def test_issues_no_codes_if_a_new_activation_starts_during_hashing(
        self, services: Services, viewer: Viewer
    ) -> None:
        """The new activation ends the earlier one, even if its OTP was accepted."""
        activation = await start_activation(services, CLIENT, viewer, PASSWORD)
        otp = Authenticator(activation.key).otp(services.now())

        with before_hashing(services, lambda: start_activation(services, CLIENT, viewer, PASSWORD)) as hooked:
            await raises(confirm_otp(hooked, CLIENT, viewer, activation.activation_id, otp), ActivationExpiredError)

        assert await count_rows(services, models.BackupCode) == 0

    @pytest.mark.attack("K6")
    async def test_rejects_every_otp_if_the_secret_cannot_be_decrypted(
        self, services: Services, viewer: Viewer
    ) -> None:
        """If a TOTP secret was changed in the database, each OTP counts as a wrong one."""
        activation = await start_activation(services, CLIENT, viewer, PASSWORD)
        async with services.database.transaction():
            await models.Activation.all().update(encrypted_secret=bytes(48))

        otp = Authenticator(activation.key).otp(services.now())
        error = await raises(confirm_otp(services, CLIENT, viewer, activation.activation_id, otp), WrongOtpError)

        assert error.attempts_remaining == 4


class TestAcknowledgeBackupCodes:
    async def test_activates_2fa(
        self, services: Services, member: models.User, viewer: Viewer, clock: Clock, side_effects: SideEffects
    ) -> None:
        """Ten codes are valid. One event and one email follow. Every other session ends."""
        other = await sign_in(services, member.email)
        activation_id, authenticator, _ = await start_and_confirm_activation(services, viewer)
        await side_effects.new()

        answer = await acknowledge_backup_codes(services, CLIENT, viewer, activation_id)

        assert isinstance(answer, TwoFactorActivated)
        assert answer.two_factor.is_active
        assert answer.two_factor.activated_at == services.now()
        assert answer.two_factor.backup_codes_remaining == 10
        assert await count_rows(services, models.Session, id=other.session.id) == 0
        assert await count_rows(services, models.Session, id=viewer.session.id) == 1
        assert await count_rows(services, models.Activation) == 0
        assert await side_effects.new() == side_effects.expected(Event.TWO_FACTOR_ACTIVATED, "two_factor_activated")
        [email] = await emails_of(services, "two_factor_activated")
        assert (email.recipient_email, email.locale) == (member.email, "de")
        clock.advance(TIME_STEP)
        await sign_in_with_otp(services, member.email, authenticator)

    @pytest.mark.attack("D8")
    async def test_rejects_an_activation_without_a_confirmed_otp(
        self, services: Services, viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """A client cannot skip a step."""
        activation = await start_activation(services, CLIENT, viewer, PASSWORD)
        await side_effects.new()
        before = await account_rows(services)

        await raises(acknowledge_backup_codes(services, CLIENT, viewer, activation.activation_id), OtpNotConfirmedError)

        assert await account_rows(services) == before
        assert await side_effects.new() == []

    async def test_retry_returns_the_same_result(
        self, services: Services, clock: Clock, viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """A client that lost the response can retry while the enrolment exists. No second event or email follows."""
        activation_id, _, _ = await start_and_confirm_activation(services, viewer)
        first = await acknowledge_backup_codes(services, CLIENT, viewer, activation_id)
        await side_effects.new()
        before = await account_rows(services)
        clock.advance(timedelta(days=3))

        assert await acknowledge_backup_codes(services, CLIENT, viewer, activation_id) == first

        assert await account_rows(services) == before
        assert await side_effects.new() == []

    @pytest.mark.parametrize("codes_enabled", [True, False])
    async def test_each_last_call_of_a_finished_activation_returns_its_result(
        self,
        services: Services,
        company: models.Company,
        viewer: Viewer,
        clock: Clock,
        side_effects: SideEffects,
        codes_enabled: bool,  # noqa: FBT001  # a parameter of the test
    ) -> None:
        """Whichever call activated 2FA, and for any OTP. Nothing is checked, counted or sent again."""
        await set_security_policy(services.database, company, backup_codes_enabled=codes_enabled)
        activation_id, authenticator, _ = await start_and_confirm_activation(services, viewer)
        first = await acknowledge_backup_codes(services, CLIENT, viewer, activation_id)
        await side_effects.new()
        before = await account_rows(services)
        clock.advance(timedelta(days=3))

        for otp in (authenticator.otp(clock.now), authenticator.wrong_otp(clock.now), "not an OTP"):
            assert await confirm_otp(services, CLIENT, viewer, activation_id, otp) == first
        assert await acknowledge_backup_codes(services, CLIENT, viewer, activation_id) == first

        assert isinstance(first, TwoFactorActivated)
        assert first.two_factor.is_active
        assert await account_rows(services) == before
        assert await side_effects.new() == []

    async def test_finished_activation_of_another_user_is_unknown(
        self, services: Services, viewer: Viewer, admin_viewer: Viewer
    ) -> None:
        """Its id is no proof."""
        activation_id, _, _ = await start_and_confirm_activation(services, viewer)
        await acknowledge_backup_codes(services, CLIENT, viewer, activation_id)

        await raises(confirm_otp(services, CLIENT, admin_viewer, activation_id, "123456"), ActivationExpiredError)
        await raises(acknowledge_backup_codes(services, CLIENT, admin_viewer, activation_id), ActivationExpiredError)

    async def test_retry_is_expired_after_deactivation(self, services: Services, clock: Clock, viewer: Viewer) -> None:
        """It stays expired after 2FA is activated again."""
        activation_id, _, _ = await start_and_confirm_activation(services, viewer)
        await acknowledge_backup_codes(services, CLIENT, viewer, activation_id)
        await deactivate(services, CLIENT, viewer, PASSWORD)
        await raises(acknowledge_backup_codes(services, CLIENT, viewer, activation_id), ActivationExpiredError)
        await raises(confirm_otp(services, CLIENT, viewer, activation_id, "123456"), ActivationExpiredError)
        clock.advance(TIME_STEP)
        await enrol(services, clock, viewer)

        await raises(acknowledge_backup_codes(services, CLIENT, viewer, activation_id), ActivationExpiredError)
        await raises(confirm_otp(services, CLIENT, viewer, activation_id, "123456"), ActivationExpiredError)

    async def test_activates_if_the_flag_is_turned_off_after_the_otp(
        self, services: Services, company: models.Company, viewer: Viewer
    ) -> None:
        """The codes work when the flag is on again."""
        activation_id, _, _ = await start_and_confirm_activation(services, viewer)
        await set_security_policy(services.database, company, backup_codes_enabled=False)

        answer = await acknowledge_backup_codes(services, CLIENT, viewer, activation_id)

        assert isinstance(answer, TwoFactorActivated)
        assert answer.two_factor.is_active
        assert answer.two_factor.backup_codes_remaining is None
        await set_security_policy(services.database, company, backup_codes_enabled=True)
        assert (await reload_viewer(services, viewer)).user.two_factor.backup_codes_remaining == 10


class TestAccountChanges:
    @pytest.mark.parametrize("change", ["password", "password by the operator", "role", "disable"])
    async def test_account_change_ends_an_activation(
        self, services: Services, member: models.User, viewer: Viewer, change: str
    ) -> None:
        """After a change of password, role or account the activation cannot be finished."""
        activation_id, authenticator, _ = await start_and_confirm_activation(services, viewer)
        match change:
            case "password":
                await change_password(services, CLIENT, viewer, PASSWORD, "tr0ub4dor and three more words")
                error: type[ActivationExpiredError | UnauthenticatedError] = ActivationExpiredError
            case "password by the operator":
                await set_password(services, member.id, "tr0ub4dor and three more words")
                error = UnauthenticatedError
            case "role":
                await set_role(services, member.id, models.Role.ADMIN)
                error = ActivationExpiredError
            case "disable":
                await disable_user(services, member.id)
                error = UnauthenticatedError

        await raises(
            confirm_otp(services, CLIENT, viewer, activation_id, authenticator.otp(services.now() + TIME_STEP)), error
        )
        await raises(acknowledge_backup_codes(services, CLIENT, viewer, activation_id), error)

        assert await count_rows(services, models.Activation) == await count_rows(services, models.BackupCode) == 0
        assert await count_rows(services, models.Authenticator) == 0
