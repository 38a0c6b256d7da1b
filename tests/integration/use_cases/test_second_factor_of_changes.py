"""The second factor for changes, which a company account can require."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest

import models
from accounts.admin_changes import disable_by_admin, enable_by_admin, set_role_by_admin, unlock_by_admin
from accounts.errors import SecondFactorNeededError, UnauthenticatedError, WrongPasswordError
from accounts.permissions import Viewer
from accounts.second_factor_of_changes import EnteredSecondFactor as SecondFactor
from accounts.security_policy import update_security_policy
from accounts.services import Services
from accounts.sessions import end_user_sessions
from accounts.user_enforcement import set_user_enforcement
from accounts.users import set_role
from models import Role, SecurityEventKind, UserEnforcement
from security.errors import TooManyAttemptsError
from tests.integration.use_cases.helpers import (
    CLIENT,
    Enrolled,
    SideEffects,
    account_rows,
    count_rows,
    emails_of,
    enrol,
    events_of,
    raises,
    reload_viewer,
    sign_in,
    sign_in_with_otp,
)
from tests.support.clock import TIME_STEP, Clock
from tests.support.users import PASSWORD, WRONG_BACKUP_CODE, WRONG_PASSWORD, set_security_policy
from twofactor.entered_second_factor import EnteredSecondFactor
from twofactor.errors import TwoFactorNotActiveError, WrongSecondFactorError
from twofactor.factors.backup_codes import regenerate_backup_codes
from twofactor.removal import deactivate, reset_by_admin

Event = SecurityEventKind


@dataclass
class AdminAndUser:
    """An admin with active 2FA, and another user of the company account with active 2FA."""

    services: Services
    clock: Clock
    admin: Enrolled
    other: UUID

    def otp(self) -> EnteredSecondFactor:
        """Return the current OTP of the admin."""
        return EnteredSecondFactor("OTP", self.admin.authenticator.otp(self.clock.now))

    def wrong_otp(self) -> EnteredSecondFactor:
        """Return a wrong OTP."""
        return EnteredSecondFactor("OTP", self.admin.authenticator.wrong_otp(self.clock.now))

    async def update_policy(self, second_factor: SecondFactor | None, password: str = PASSWORD) -> object:
        """Turn backup codes off, or do nothing if they are off."""
        return await update_security_policy(
            self.services,
            CLIENT,
            self.admin.viewer,
            password,
            two_factor_enforced=None,
            backup_codes_enabled=False,
            second_factor=second_factor,
        )

    async def deactivate(self, second_factor: SecondFactor | None) -> object:
        """Deactivate the admin's own 2FA."""
        return await deactivate(self.services, CLIENT, self.admin.viewer, PASSWORD, second_factor=second_factor)

    async def regenerate(self, second_factor: SecondFactor | None) -> object:
        """Replace the admin's backup codes."""
        return await regenerate_backup_codes(
            self.services, CLIENT, self.admin.viewer, PASSWORD, second_factor=second_factor
        )

    async def reset(self, second_factor: SecondFactor | None) -> object:
        """Reset the 2FA of the other user."""
        return await reset_by_admin(
            self.services, CLIENT, self.admin.viewer, self.other, PASSWORD, None, second_factor=second_factor
        )

    async def end_sessions(self, second_factor: SecondFactor | None) -> object:
        """End the sessions of the other user."""
        return await end_user_sessions(
            self.services, CLIENT, self.admin.viewer, self.other, PASSWORD, second_factor=second_factor
        )

    async def unlock(self, second_factor: SecondFactor | None) -> object:
        """Unlock the other user, or do nothing if they are not locked."""
        return await unlock_by_admin(
            self.services, CLIENT, self.admin.viewer, self.other, PASSWORD, second_factor=second_factor
        )

    async def disable(self, second_factor: SecondFactor | None) -> object:
        """Disable the other user."""
        return await disable_by_admin(
            self.services, CLIENT, self.admin.viewer, self.other, PASSWORD, second_factor=second_factor
        )

    async def enable(self, second_factor: SecondFactor | None) -> object:
        """Enable the other user, or do nothing if they are enabled."""
        return await enable_by_admin(
            self.services, CLIENT, self.admin.viewer, self.other, PASSWORD, second_factor=second_factor
        )

    async def promote(self, second_factor: SecondFactor | None) -> object:
        """Make the other user an admin."""
        return await set_role_by_admin(
            self.services, CLIENT, self.admin.viewer, self.other, Role.ADMIN, PASSWORD, second_factor=second_factor
        )

    async def set_rule(self, second_factor: SecondFactor | None) -> object:
        """Set the rule of the other user."""
        return await set_user_enforcement(
            self.services,
            CLIENT,
            self.admin.viewer,
            self.other,
            PASSWORD,
            UserEnforcement.ENFORCED,
            None,
            second_factor=second_factor,
        )


CHANGES: Mapping[str, Callable[[AdminAndUser, SecondFactor | None], Awaitable[object]]] = {
    "updateSecurityPolicy": AdminAndUser.update_policy,
    "deactivateTwoFactor": AdminAndUser.deactivate,
    "regenerateBackupCodes": AdminAndUser.regenerate,
    "adminResetTwoFactor": AdminAndUser.reset,
    "endUserSessions": AdminAndUser.end_sessions,
    "unlockUser": AdminAndUser.unlock,
    "disableUser": AdminAndUser.disable,
    "enableUser": AdminAndUser.enable,
    "setUserRole": AdminAndUser.promote,
    "setUserEnforcement": AdminAndUser.set_rule,
}


@pytest.fixture
async def admin_and_user(
    services: Services, clock: Clock, company: models.Company, enrolled: Enrolled, admin_viewer: Viewer
) -> AdminAndUser:
    """Return both, in a company account that requires a second factor for changes."""
    admin = await enrol(services, clock, admin_viewer)
    await set_security_policy(services.database, company, second_factor_for_changes=True)
    admin = Enrolled(await reload_viewer(services, admin.viewer), admin.authenticator, admin.codes)
    return AdminAndUser(services, clock, admin, enrolled.viewer.user.id)


class TestRequiredSecondFactor:
    @pytest.mark.attack("I10")
    @pytest.mark.parametrize("change", CHANGES)
    async def test_change_needs_it(self, services: Services, admin_and_user: AdminAndUser, change: str) -> None:
        """The password alone changes nothing, and uses no attempt."""
        before = await account_rows(services)

        await raises(CHANGES[change](admin_and_user, None), SecondFactorNeededError)

        assert await account_rows(services) == before
        assert await count_rows(services, models.AttemptCount, failures__gt=0) == 0

    @pytest.mark.parametrize("change", CHANGES)
    async def test_change_succeeds_with_an_otp_once(self, admin_and_user: AdminAndUser, change: str) -> None:
        """The OTP is used up: it works for no other change."""
        otp = admin_and_user.otp()

        await CHANGES[change](admin_and_user, otp)

        if change != "deactivateTwoFactor":
            await raises(admin_and_user.update_policy(admin_and_user.otp()), WrongSecondFactorError)
            admin_and_user.clock.advance(TIME_STEP)
            await admin_and_user.update_policy(admin_and_user.otp())

    @pytest.mark.attack("I10")
    @pytest.mark.parametrize("change", CHANGES)
    async def test_wrong_one_changes_nothing(
        self, services: Services, admin_and_user: AdminAndUser, side_effects: SideEffects, change: str
    ) -> None:
        """It uses an attempt and records an event."""
        await side_effects.new()
        before = await account_rows(services)

        error = await raises(CHANGES[change](admin_and_user, admin_and_user.wrong_otp()), WrongSecondFactorError)

        assert error.attempts_remaining == 4
        assert await account_rows(services) == before
        assert await side_effects.new() == side_effects.expected(Event.SECOND_FACTOR_FAILED)

    async def test_backup_code_works_once(
        self, services: Services, admin_and_user: AdminAndUser, side_effects: SideEffects
    ) -> None:
        """It is counted as used, with the same event and email as at a login."""
        await side_effects.new()

        await admin_and_user.end_sessions(EnteredSecondFactor("BACKUP_CODE", admin_and_user.admin.codes[0].lower()))

        admin_id = admin_and_user.admin.viewer.user.id
        assert await count_rows(services, models.User, id=admin_id, backup_codes_remaining=9) == 1
        assert Event.BACKUP_CODE_USED in await side_effects.new()
        again = EnteredSecondFactor("BACKUP_CODE", admin_and_user.admin.codes[0])
        await raises(admin_and_user.end_sessions(again), WrongSecondFactorError)

    @pytest.mark.parametrize("entered", [("OTP", ""), ("OTP", "12345"), ("OTP", "\ud800"), ("BACKUP_CODE", "x" * 5000)])
    async def test_malformed_text_uses_no_attempt(
        self, services: Services, admin_and_user: AdminAndUser, entered: tuple[str, str]
    ) -> None:
        """The server compares nothing."""
        error = await raises(admin_and_user.update_policy(EnteredSecondFactor(*entered)), WrongSecondFactorError)

        assert (error.attempts_remaining, error.was_checked) == (5, False)
        assert await count_rows(services, models.AttemptCount, failures__gt=0) == 0

    async def test_wrong_backup_code_is_rejected(self, admin_and_user: AdminAndUser) -> None:
        """It is well-formed but in no set."""
        wrong = EnteredSecondFactor("BACKUP_CODE", WRONG_BACKUP_CODE)

        await raises(admin_and_user.update_policy(wrong), WrongSecondFactorError)

    async def test_wrong_password_uses_no_second_factor(self, admin_and_user: AdminAndUser) -> None:
        """The same OTP works with the right password."""
        otp = admin_and_user.otp()
        await raises(admin_and_user.update_policy(otp, WRONG_PASSWORD), WrongPasswordError)

        await admin_and_user.update_policy(admin_and_user.otp())

    async def test_other_errors_use_no_second_factor(self, services: Services, admin_and_user: AdminAndUser) -> None:
        """The server checks everything else first."""
        otp = admin_and_user.otp()
        await reset_by_admin(
            services, CLIENT, admin_and_user.admin.viewer, admin_and_user.other, PASSWORD, None, second_factor=otp
        )
        admin_and_user.clock.advance(TIME_STEP)

        await raises(admin_and_user.reset(admin_and_user.otp()), TwoFactorNotActiveError)

        await admin_and_user.update_policy(admin_and_user.otp())

    @pytest.mark.attack("I10")
    async def test_admin_needs_active_2fa(
        self, services: Services, admin_and_user: AdminAndUser, member: models.User
    ) -> None:
        """Another admin who has not activated 2FA can send nothing that is right."""
        await reset_by_admin(
            services,
            CLIENT,
            admin_and_user.admin.viewer,
            admin_and_user.other,
            PASSWORD,
            None,
            second_factor=admin_and_user.otp(),
        )
        await set_role(services, member.id, Role.ADMIN)
        admin_and_user.admin = Enrolled(await sign_in(services, member.email), admin_and_user.admin.authenticator, ())
        admin_and_user.clock.advance(TIME_STEP)

        for second_factor in (None, admin_and_user.otp()):
            await raises(admin_and_user.update_policy(second_factor), SecondFactorNeededError)

    async def test_is_ignored_if_the_rule_is_off(
        self, services: Services, admin_and_user: AdminAndUser, company: models.Company
    ) -> None:
        """The password is sufficient, and the OTP is not used up."""
        await set_security_policy(services.database, company, second_factor_for_changes=False)
        admin_and_user.admin = Enrolled(
            await reload_viewer(services, admin_and_user.admin.viewer),
            admin_and_user.admin.authenticator,
            admin_and_user.admin.codes,
        )

        await admin_and_user.update_policy(None)
        await admin_and_user.end_sessions(admin_and_user.wrong_otp())

        await set_security_policy(services.database, company, second_factor_for_changes=True)
        admin_and_user.admin = Enrolled(
            await reload_viewer(services, admin_and_user.admin.viewer),
            admin_and_user.admin.authenticator,
            admin_and_user.admin.codes,
        )
        await admin_and_user.update_policy(admin_and_user.otp())

    async def test_rule_that_is_turned_on_meanwhile_holds(
        self, services: Services, admin_and_user: AdminAndUser, company: models.Company
    ) -> None:
        """The value at the commit counts. The client sends the change again."""
        await set_security_policy(services.database, company, second_factor_for_changes=False)
        stale = Enrolled(
            await reload_viewer(services, admin_and_user.admin.viewer),
            admin_and_user.admin.authenticator,
            admin_and_user.admin.codes,
        )
        await set_security_policy(services.database, company, second_factor_for_changes=True)
        admin_and_user.admin = stale

        await raises(admin_and_user.update_policy(admin_and_user.otp()), SecondFactorNeededError)


class TestAttemptLimit:
    @pytest.mark.attack("I10")
    async def test_five_wrong_ones_cause_a_wait(self, admin_and_user: AdminAndUser) -> None:
        """A right password in between does not start the count over."""
        for attempts_remaining in (4, 3, 2, 1, 0):
            error = await raises(admin_and_user.update_policy(admin_and_user.wrong_otp()), WrongSecondFactorError)
            assert error.attempts_remaining == attempts_remaining
            await raises(admin_and_user.update_policy(None), SecondFactorNeededError)

        await raises(admin_and_user.update_policy(admin_and_user.otp()), TooManyAttemptsError)

        admin_and_user.clock.advance(timedelta(seconds=30))
        await admin_and_user.update_policy(admin_and_user.otp())

    @pytest.mark.attack("I10")
    async def test_ten_wrong_ones_end_the_session(
        self, services: Services, admin_and_user: AdminAndUser, side_effects: SideEffects
    ) -> None:
        """An email tells the user. A login is not affected."""
        await side_effects.new()
        for _ in range(9):
            await raises(admin_and_user.update_policy(admin_and_user.wrong_otp()), WrongSecondFactorError)
            admin_and_user.clock.advance(timedelta(hours=1))

        await raises(admin_and_user.update_policy(admin_and_user.wrong_otp()), UnauthenticatedError)

        assert await count_rows(services, models.Session, id=admin_and_user.admin.viewer.session.id) == 0
        assert await events_of(services, Event.SESSION_ENDED)
        (email,) = await emails_of(services, "session_ended")
        assert email.recipient_email == admin_and_user.admin.viewer.user.email
        await sign_in_with_otp(services, email.recipient_email, admin_and_user.admin.authenticator)
