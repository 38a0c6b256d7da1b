"""Removal of 2FA: by the user, by an admin and by the operator."""

from uuid import uuid4

import pytest
from structlog.testing import capture_logs

import models
from accounts.errors import (
    ForbiddenError,
    InvalidInputError,
    TwoFactorSetupRequiredError,
    UnauthenticatedError,
    UserNotFoundError,
    WrongPasswordError,
)
from accounts.permissions import Viewer
from accounts.services import Services
from accounts.users import disable_user, set_role
from models import Role, SecondFactorMethod, SecurityEventKind
from security.errors import DomainError, TooManyAttemptsError
from tests.integration.use_cases.helpers import (
    CLIENT,
    Enrolled,
    SideEffects,
    account_rows,
    count_rows,
    emails_of,
    enrol,
    events_of,
    new_challenge,
    raises,
    sign_in,
    sign_in_with_otp,
    start_and_confirm_activation,
    verify_otp,
)
from tests.support.attempts import set_attempt_count
from tests.support.clock import Clock
from tests.support.parameter_ids import printable_id
from tests.support.users import PASSWORD, WRONG_PASSWORD, set_security_policy
from twofactor.errors import (
    CannotResetOwnTwoFactorError,
    ChallengeExpiredError,
    TwoFactorIsEnforcedError,
    TwoFactorNotActiveError,
)
from twofactor.removal import deactivate, reset_by_admin, reset_by_operator

Event = SecurityEventKind
TABLES_OF_2FA = (models.Authenticator, models.BackupCodeSet, models.BackupCode, models.Challenge, models.Activation)


async def assert_no_2fa_data(services: Services, user: models.User) -> None:
    """Assert that the user has no 2FA, and that no data of it is left."""
    for table in TABLES_OF_2FA:
        assert await count_rows(services, table) == 0, table
    assert await count_rows(services, models.AttemptCount, subject=user.id.hex) == 0
    async with services.database.reading():
        row = await models.User.get(id=user.id)
    assert (row.two_factor_activated_at, row.two_factor_last_used_at, row.backup_codes_remaining) == (None, None, 0)


class TestDeactivate:
    async def test_deletes_all_2fa_data_and_ends_other_sessions(
        self, services: Services, member: models.User, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """This includes TOTP secret, codes, challenges and attempt counts. One event and one email follow."""
        other = await sign_in_with_otp(services, member.email, enrolled.authenticator)
        challenge = await new_challenge(services, member.email)
        await side_effects.new()

        answer = await deactivate(services, CLIENT, enrolled.viewer, PASSWORD)

        assert not answer.two_factor.is_active
        assert (answer.two_factor.activated_at, answer.two_factor.backup_codes_remaining) == (None, None)
        await assert_no_2fa_data(services, member)
        assert await count_rows(services, models.Session, id=other.session.id) == 0
        assert await count_rows(services, models.Session, id=enrolled.viewer.session.id) == 1
        assert await side_effects.new() == side_effects.expected(Event.TWO_FACTOR_DEACTIVATED, "two_factor_deactivated")
        [email] = await emails_of(services, "two_factor_deactivated")
        assert email.recipient_email == member.email
        await raises(verify_otp(services, challenge, enrolled.authenticator.otp(services.now())), ChallengeExpiredError)
        await sign_in(services, member.email)

    @pytest.mark.attack("A5", "I5")
    async def test_requires_the_password(
        self, services: Services, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """A session alone is not sufficient, and an OTP does not replace the password."""
        await side_effects.new()
        before = await account_rows(services)

        for remaining, wrong in ((4, WRONG_PASSWORD), (3, enrolled.authenticator.otp(services.now()))):
            error = await raises(deactivate(services, CLIENT, enrolled.viewer, wrong), WrongPasswordError)
            assert error.attempts_remaining == remaining

        assert await account_rows(services) == before
        assert await side_effects.new() == side_effects.expected(*[Event.REAUTHENTICATION_FAILED] * 2)

    async def test_requires_active_2fa(self, services: Services, viewer: Viewer, side_effects: SideEffects) -> None:
        """No event and no email follow."""
        await side_effects.new()

        await raises(deactivate(services, CLIENT, viewer, PASSWORD), TwoFactorNotActiveError)

        assert await side_effects.new() == []

    @pytest.mark.attack("I4")
    async def test_rejects_a_user_whose_company_enforces_2fa(
        self, services: Services, company: models.Company, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """The policy at the commit applies, not that at the start of the request."""
        await set_security_policy(services.database, company, two_factor_enforced=True)
        await side_effects.new()
        before = await account_rows(services)

        await raises(deactivate(services, CLIENT, enrolled.viewer, PASSWORD), TwoFactorIsEnforcedError)

        assert await account_rows(services) == before
        assert await side_effects.new() == []

    @pytest.mark.attack("E7")
    async def test_new_activation_has_a_new_secret_and_new_codes(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """The old authenticator and the old codes no longer work."""
        await deactivate(services, CLIENT, enrolled.viewer, PASSWORD)
        again = await enrol(services, clock, enrolled.viewer)

        assert again.authenticator.key != enrolled.authenticator.key
        assert not set(again.codes) & set(enrolled.codes)
        await sign_in_with_otp(services, member.email, again.authenticator)


class TestResetByAdmin:
    @pytest.mark.attack("I3")
    async def test_deletes_all_2fa_data_and_ends_all_sessions(
        self,
        services: Services,
        member: models.User,
        enrolled: Enrolled,
        admin_viewer: Viewer,
        side_effects: SideEffects,
    ) -> None:
        """The event has the admin and the reason. The user gets an email that names the admin."""
        await new_challenge(services, member.email)
        await side_effects.new()

        answer = await reset_by_admin(services, CLIENT, admin_viewer, member.id, PASSWORD, "lost\nthe phone")

        assert answer.user.id == member.id
        assert not answer.user.two_factor.is_active
        await assert_no_2fa_data(services, member)
        assert await count_rows(services, models.Session, user_id=member.id) == 0
        assert await count_rows(services, models.Session, user_id=admin_viewer.user.id) == 1
        assert await side_effects.new() == side_effects.expected(Event.TWO_FACTOR_RESET, "two_factor_reset")
        [event] = await events_of(services, Event.TWO_FACTOR_RESET)
        assert (event.user_id, event.actor_id, event.note) == (member.id, admin_viewer.user.id, "lost\nthe phone")
        [email] = await emails_of(services, "two_factor_reset")
        assert (email.recipient_email, email.facts["by"]) == (member.email, admin_viewer.user.name)
        await sign_in(services, member.email)

    async def test_unlocks_the_second_factor(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled, admin_viewer: Viewer
    ) -> None:
        """After a new activation the OTP works again."""
        await set_attempt_count(
            services.database, member.id, SecondFactorMethod.OTP, failures=100, since_sign_in=100, last=clock.now
        )

        await reset_by_admin(services, CLIENT, admin_viewer, member.id, PASSWORD, None)

        again = await enrol(services, clock, await sign_in(services, member.email))
        await sign_in_with_otp(services, member.email, again.authenticator)

    @pytest.mark.attack("G4")
    @pytest.mark.parametrize("user", ["unknown", "other company", "no id"])
    async def test_unknown_user_and_user_of_another_company_return_the_same_error(
        self,
        services: Services,
        clock: Clock,
        other_company_admin: models.User,
        admin_viewer: Viewer,
        side_effects: SideEffects,
        user: str,
    ) -> None:
        """The server logs a warning and changes nothing."""
        await enrol(services, clock, await sign_in(services, other_company_admin.email))
        user_id = {"unknown": uuid4(), "other company": other_company_admin.id}.get(user)
        await side_effects.new()
        before = await account_rows(services)

        with capture_logs() as logs:
            await raises(reset_by_admin(services, CLIENT, admin_viewer, user_id, PASSWORD, None), UserNotFoundError)

        # ASVS 16.3.2: the viewer has no permission to see this user, so the server logs the attempt.
        assert logs == [
            {"event": "reset_of_unknown_user", "admin_id": str(admin_viewer.user.id), "log_level": "warning"},
        ]
        assert await account_rows(services) == before
        assert await side_effects.new() == []

    @pytest.mark.attack("I2")
    async def test_rejects_the_admins_own_account(
        self, services: Services, clock: Clock, admin_viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """An admin cannot use a reset to remove their own 2FA."""
        own = (await enrol(services, clock, admin_viewer)).viewer
        await side_effects.new()
        before = await account_rows(services)

        attempt = reset_by_admin(services, CLIENT, own, own.user.id, PASSWORD, None)

        await raises(attempt, CannotResetOwnTwoFactorError)
        assert await account_rows(services) == before
        assert await side_effects.new() == []

    @pytest.mark.attack("I1")
    async def test_resets_another_admin(
        self, services: Services, member: models.User, enrolled: Enrolled, admin_viewer: Viewer
    ) -> None:
        """The role of the user makes no difference."""
        await set_role(services, member.id, Role.ADMIN)

        await reset_by_admin(services, CLIENT, admin_viewer, member.id, PASSWORD, None)

        await assert_no_2fa_data(services, member)

    @pytest.mark.attack("B13")
    async def test_requires_the_password_of_the_admin(
        self,
        services: Services,
        member: models.User,
        enrolled: Enrolled,
        admin_viewer: Viewer,
        side_effects: SideEffects,
    ) -> None:
        """A wrong password counts for the admin, not for the user."""
        await side_effects.new()
        before = await account_rows(services)

        for remaining in (4, 3, 2, 1, 0):
            attempt = reset_by_admin(services, CLIENT, admin_viewer, member.id, WRONG_PASSWORD, None)
            assert (await raises(attempt, WrongPasswordError)).attempts_remaining == remaining
        await raises(reset_by_admin(services, CLIENT, admin_viewer, member.id, PASSWORD, None), TooManyAttemptsError)

        assert await account_rows(services) == before
        assert await side_effects.new() == side_effects.expected(*[Event.REAUTHENTICATION_FAILED] * 5, Event.LOCKED)
        assert {event.user_id for event in await events_of(services, Event.REAUTHENTICATION_FAILED)} == {
            admin_viewer.user.id
        }

    async def test_requires_active_2fa(
        self, services: Services, member: models.User, viewer: Viewer, admin_viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """Sessions and an open activation of the user continue."""
        await start_and_confirm_activation(services, viewer)
        await side_effects.new()
        before = await account_rows(services)

        attempt = reset_by_admin(services, CLIENT, admin_viewer, member.id, PASSWORD, None)

        await raises(attempt, TwoFactorNotActiveError)
        assert await account_rows(services) == before
        assert await side_effects.new() == []

    @pytest.mark.attack("I1", "I6")
    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ("member", ForbiddenError),
            ("demoted", ForbiddenError),
            ("disabled", UnauthenticatedError),
            ("2FA enforced but not active", TwoFactorSetupRequiredError),
        ],
    )
    async def test_rejects_a_viewer_who_is_not_an_active_admin(
        self,
        services: Services,
        company: models.Company,
        member: models.User,
        admin: models.User,
        enrolled: Enrolled,
        admin_viewer: Viewer,
        *,
        change: str,
        error: type[DomainError],
    ) -> None:
        """The server checks this again at the commit, so that a change during the request applies."""
        target = member
        match change:
            case "member":
                admin_viewer, target = enrolled.viewer, admin
            case "demoted":
                await set_role(services, admin.id, Role.MEMBER, force=True)
            case "disabled":
                await disable_user(services, admin.id, force=True)
            case "2FA enforced but not active":
                await set_security_policy(services.database, company, two_factor_enforced=True)

        await raises(reset_by_admin(services, CLIENT, admin_viewer, target.id, PASSWORD, None), error)

        assert await count_rows(services, models.Authenticator) == 1

    @pytest.mark.parametrize("reason", ["x" * 501, "a\0b", "\ud800", "a\x1bb", "a\x7fb"], ids=printable_id)
    async def test_rejects_an_invalid_reason(
        self, services: Services, member: models.User, enrolled: Enrolled, admin_viewer: Viewer, reason: str
    ) -> None:
        """At most 500 characters, of control characters only line breaks and tabs. The password is not checked."""
        error = await raises(
            reset_by_admin(services, CLIENT, admin_viewer, member.id, WRONG_PASSWORD, reason), InvalidInputError
        )

        assert error.argument == "reason"
        assert reason not in str(error)

    async def test_stores_a_reason_of_500_characters(
        self, services: Services, member: models.User, enrolled: Enrolled, admin_viewer: Viewer
    ) -> None:
        """The limit counts characters, not bytes."""
        await reset_by_admin(services, CLIENT, admin_viewer, member.id, PASSWORD, "é" * 500)

        assert (await events_of(services, Event.TWO_FACTOR_RESET))[0].note == "é" * 500


class TestResetByOperator:
    async def test_does_the_same_as_a_reset_by_an_admin(
        self, services: Services, member: models.User, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """The event has no actor and no IP address."""
        await side_effects.new()

        await reset_by_operator(services, member.id, "identity checked on the phone")

        await assert_no_2fa_data(services, member)
        assert await count_rows(services, models.Session, user_id=member.id) == 0
        assert await side_effects.new() == side_effects.expected(Event.TWO_FACTOR_RESET, "two_factor_reset")
        [event] = await events_of(services, Event.TWO_FACTOR_RESET)
        assert (event.user_id, event.actor_id, event.ip_address) == (member.id, None, None)

    @pytest.mark.parametrize("enabled", [True, False])
    async def test_email_knows_whether_the_user_can_log_in(
        self, services: Services, member: models.User, enrolled: Enrolled, *, enabled: bool
    ) -> None:
        """A disabled user must not be asked to log in."""
        assert enrolled.viewer.user.id == member.id
        if not enabled:
            await disable_user(services, member.id)

        await reset_by_operator(services, member.id, None)

        [email] = await emails_of(services, "two_factor_reset")
        assert email.facts["enabled"] is enabled

    async def test_requires_a_user_with_active_2fa(self, services: Services, member: models.User) -> None:
        """An unknown user and a reason of more than 500 characters are rejected as well."""
        await raises(reset_by_operator(services, uuid4(), "reason"), UserNotFoundError)
        await raises(reset_by_operator(services, member.id, "reason"), TwoFactorNotActiveError)
        await raises(reset_by_operator(services, member.id, "x" * 501), InvalidInputError)
