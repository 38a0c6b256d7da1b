"""Authenticators of a user whose 2FA is active: replace one on a new phone, add one, remove one."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

import models
from accounts.errors import InvalidInputError, UnauthenticatedError, WrongPasswordError
from accounts.permissions import Viewer
from accounts.services import Services
from models import SecurityEventKind
from security.constants import AUTHENTICATORS_PER_USER, CONFIRM_ATTEMPTS
from security.errors import DomainError
from tests.integration.use_cases.helpers import (
    CLIENT,
    Enrolled,
    SideEffects,
    count_rows,
    new_challenge,
    raises,
    reload_viewer,
    sign_in,
    sign_in_with_otp,
    verify_backup_code,
    verify_otp,
)
from tests.support.authenticator import Authenticator
from tests.support.clock import TIME_STEP, Clock
from tests.support.users import PASSWORD, WRONG_PASSWORD, set_security_policy
from twofactor.activation import acknowledge_backup_codes, start_activation
from twofactor.authenticators import (
    AuthenticatorAdded,
    AuthenticatorReplaced,
    list_authenticators_of,
    remove_authenticator,
    start_addition,
    start_replacement,
)
from twofactor.confirmation import confirm_otp
from twofactor.entered_second_factor import EnteredSecondFactor
from twofactor.errors import (
    ActivationExpiredError,
    AuthenticatorNotFoundError,
    LastAuthenticatorError,
    OtpNotConfirmedError,
    TooManyAuthenticatorsError,
    TwoFactorAlreadyActiveError,
    TwoFactorNotActiveError,
    WrongOtpError,
    WrongSecondFactorError,
)
from twofactor.factors.authenticator import AuthenticatorActivation
from twofactor.removal import deactivate, reset_by_operator

Event = SecurityEventKind


def otp_of(services: Services, authenticator: Authenticator) -> EnteredSecondFactor:
    return EnteredSecondFactor("OTP", authenticator.otp(services.now()))


async def start(services: Services, enrolled: Enrolled) -> AuthenticatorActivation:
    """Start to replace the authenticator, with an OTP of it."""
    factor = otp_of(services, enrolled.authenticator)
    return await start_replacement(services, CLIENT, enrolled.viewer, PASSWORD, factor)


async def confirm(
    services: Services, viewer: Viewer, started: AuthenticatorActivation
) -> AuthenticatorReplaced | AuthenticatorAdded:
    otp = Authenticator.parse(started.otpauth_uri).otp(services.now())
    answer = await confirm_otp(services, CLIENT, viewer, started.activation_id, otp)
    assert isinstance(answer, AuthenticatorReplaced | AuthenticatorAdded)
    return answer


async def add(services: Services, clock: Clock, enrolled: Enrolled, name: str = "Tablet") -> Authenticator:
    """Add an authenticator, and advance the clock until all of them show an unused OTP."""
    factor = otp_of(services, enrolled.authenticator)
    started = await start_addition(services, CLIENT, enrolled.viewer, PASSWORD, factor, name)
    await confirm(services, enrolled.viewer, started)
    clock.advance(TIME_STEP)
    return Authenticator.parse(started.otpauth_uri)


async def names_of(services: Services, viewer: Viewer) -> list[str | None]:
    (authenticators,) = await list_authenticators_of(services, viewer, [viewer.user])
    return [each.name for each in authenticators]


async def signs_in(services: Services, user: models.User, authenticator: Authenticator) -> bool:
    challenge = await new_challenge(services, user.email)
    try:
        await verify_otp(services, challenge, authenticator.otp(services.now()))
    except WrongSecondFactorError:
        return False
    return True


class TestReplacement:
    async def test_old_authenticator_works_until_the_new_one_is_confirmed(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """2FA is active throughout, and the backup codes stay valid."""
        started = await start(services, enrolled)
        clock.advance(TIME_STEP)
        assert await signs_in(services, member, enrolled.authenticator)
        clock.advance(TIME_STEP)

        await confirm(services, enrolled.viewer, started)

        clock.advance(TIME_STEP)
        viewer = await reload_viewer(services, enrolled.viewer)
        assert viewer.user.two_factor == replace(
            enrolled.viewer.user.two_factor, last_used_at=viewer.user.two_factor.last_used_at
        )
        assert not await signs_in(services, member, enrolled.authenticator)
        assert await signs_in(services, member, Authenticator.parse(started.otpauth_uri))
        await verify_backup_code(services, await new_challenge(services, member.email), enrolled.codes[0])

    async def test_ends_other_sessions_challenges_and_devices_with_one_event_and_one_email(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """The session that confirms continues."""
        other = await sign_in_with_otp(services, member.email, enrolled.authenticator)
        clock.advance(TIME_STEP)
        started = await start(services, enrolled)
        await new_challenge(services, member.email)
        await side_effects.new()

        await confirm(services, enrolled.viewer, started)

        assert await count_rows(services, models.Session, id=other.session.id) == 0
        assert await count_rows(services, models.Session, id=enrolled.viewer.session.id) == 1
        for table in (models.Challenge, models.Activation, models.KnownDevice):
            assert await count_rows(services, table) == 0
        assert await side_effects.new() == side_effects.expected(Event.AUTHENTICATOR_REPLACED, "authenticator_replaced")

    async def test_works_for_a_lone_admin_while_2fa_is_enforced(
        self, services: Services, clock: Clock, company: models.Company, member: models.User, enrolled: Enrolled
    ) -> None:
        """Neither a deactivation nor another admin is needed."""
        await set_security_policy(services.database, company, two_factor_enforced=True)
        viewer = await reload_viewer(services, enrolled.viewer)

        await confirm(services, viewer, await start(services, replace(enrolled, viewer=viewer)))

        assert await count_rows(services, models.Authenticator, user_id=member.id) == 1

    async def test_backup_code_replaces_a_lost_phone(self, services: Services, enrolled: Enrolled) -> None:
        """It is used up."""
        factor = EnteredSecondFactor("BACKUP_CODE", enrolled.codes[0])
        started = await start_replacement(services, CLIENT, enrolled.viewer, PASSWORD, factor)
        await confirm(services, enrolled.viewer, started)

        again = start_replacement(
            services, CLIENT, enrolled.viewer, PASSWORD, EnteredSecondFactor("BACKUP_CODE", enrolled.codes[0])
        )
        await raises(again, WrongSecondFactorError)

    @pytest.mark.attack("I11")
    async def test_requires_password_and_second_factor(
        self, services: Services, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """Without both, no secret is issued."""
        await side_effects.new()
        right, wrong = otp_of(services, enrolled.authenticator), EnteredSecondFactor("OTP", "000000")
        await raises(start_replacement(services, CLIENT, enrolled.viewer, WRONG_PASSWORD, right), WrongPasswordError)
        await raises(start_replacement(services, CLIENT, enrolled.viewer, PASSWORD, wrong), WrongSecondFactorError)

        assert await count_rows(services, models.Activation) == 0
        assert await side_effects.new() == side_effects.expected(
            Event.REAUTHENTICATION_FAILED, Event.SECOND_FACTOR_FAILED
        )

    async def test_otp_that_starts_it_counts_as_used(
        self, services: Services, member: models.User, enrolled: Enrolled
    ) -> None:
        """It opens no session afterwards."""
        await start(services, enrolled)

        assert not await signs_in(services, member, enrolled.authenticator)

    async def test_repeated_confirmation_returns_the_same(
        self, services: Services, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """The answer may have been lost. Nothing happens again."""
        started = await start(services, enrolled)
        first = await confirm(services, enrolled.viewer, started)
        await side_effects.new()

        assert await confirm(services, enrolled.viewer, started) == first
        assert await side_effects.new() == side_effects.expected()

    async def test_five_wrong_otps_end_it_and_leave_the_old_authenticator(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """Its attempts are those of the activation alone."""
        started = await start(services, enrolled)
        for _ in range(CONFIRM_ATTEMPTS):
            await raises(confirm_otp(services, CLIENT, enrolled.viewer, started.activation_id, "000000"), WrongOtpError)
        clock.advance(TIME_STEP)

        await raises(confirm(services, enrolled.viewer, started), ActivationExpiredError)
        assert await signs_in(services, member, enrolled.authenticator)

    async def test_issues_no_backup_codes(self, services: Services, enrolled: Enrolled) -> None:
        """There is nothing to acknowledge, before and after."""
        started = await start(services, enrolled)
        acknowledge = (services, CLIENT, enrolled.viewer, started.activation_id)
        await raises(acknowledge_backup_codes(*acknowledge), OtpNotConfirmedError)
        await confirm(services, enrolled.viewer, started)

        await raises(acknowledge_backup_codes(*acknowledge), ActivationExpiredError)
        await raises(start_activation(services, CLIENT, enrolled.viewer, PASSWORD), TwoFactorAlreadyActiveError)

    @pytest.mark.parametrize("by", ["deactivation", "reset"])
    async def test_does_not_survive_the_end_of_2fa(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled, by: str
    ) -> None:
        """Otherwise it would enrol an authenticator without an activation."""
        started = await start(services, enrolled)
        if by == "deactivation":
            await deactivate(services, CLIENT, enrolled.viewer, PASSWORD)
            await raises(confirm(services, enrolled.viewer, started), ActivationExpiredError)
        else:
            await reset_by_operator(services, member.id, None)
            await raises(confirm(services, enrolled.viewer, started), UnauthenticatedError)

        assert await count_rows(services, models.Authenticator) == 0

    async def test_requires_active_2fa(self, services: Services, member: models.User) -> None:
        """Without it, there is nothing to replace."""
        viewer = await sign_in(services, member.email)
        factor = EnteredSecondFactor("OTP", "123456")

        await raises(start_replacement(services, CLIENT, viewer, PASSWORD, factor), TwoFactorNotActiveError)
        await raises(start_addition(services, CLIENT, viewer, PASSWORD, factor, "Tablet"), TwoFactorNotActiveError)

    async def test_replaces_one_of_several(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """Without an id, it replaces all."""
        tablet = await add(services, clock, enrolled)
        (authenticators,) = await list_authenticators_of(services, enrolled.viewer, [enrolled.viewer.user])
        (first_id,) = (each.id for each in authenticators if each.name is None)
        factor = otp_of(services, tablet)
        started = await start_replacement(services, CLIENT, enrolled.viewer, PASSWORD, factor, first_id)
        await confirm(services, enrolled.viewer, started)
        clock.advance(TIME_STEP)
        assert sorted(await names_of(services, enrolled.viewer), key=str) == [None, "Tablet"]
        assert not await signs_in(services, member, enrolled.authenticator)
        assert await signs_in(services, member, tablet)
        clock.advance(TIME_STEP)

        started = await start_replacement(services, CLIENT, enrolled.viewer, PASSWORD, otp_of(services, tablet))
        await confirm(services, enrolled.viewer, started)

        assert await names_of(services, enrolled.viewer) == [None]

    async def test_rejects_an_unknown_authenticator(self, services: Services, enrolled: Enrolled) -> None:
        """It uses no second factor."""
        factor = otp_of(services, enrolled.authenticator)
        call = (services, CLIENT, enrolled.viewer, PASSWORD)

        await raises(start_replacement(*call, factor, enrolled.viewer.user.id), AuthenticatorNotFoundError)

        await start_replacement(*call, factor)


class TestAddition:
    async def test_both_authenticators_work_afterwards(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """No session ends. An event and an email say so."""
        other = await sign_in_with_otp(services, member.email, enrolled.authenticator)
        clock.advance(TIME_STEP)
        await side_effects.new()

        tablet = await add(services, clock, enrolled)

        assert await side_effects.new() == side_effects.expected(
            Event.AUTHENTICATOR_SETUP_STARTED, Event.AUTHENTICATOR_ADDED, "authenticator_added"
        )
        assert await count_rows(services, models.Session, id=other.session.id) == 1
        for authenticator in (tablet, enrolled.authenticator):
            assert await signs_in(services, member, authenticator)
        assert await names_of(services, enrolled.viewer) == [None, "Tablet"]

    async def test_a_user_has_at_most_five(self, services: Services, clock: Clock, enrolled: Enrolled) -> None:
        """Another one needs a place first."""
        for number in range(2, AUTHENTICATORS_PER_USER + 1):
            await add(services, clock, enrolled, f"Number {number}")
        factor = otp_of(services, enrolled.authenticator)

        error = await raises(
            start_addition(services, CLIENT, enrolled.viewer, PASSWORD, factor, "Sixth"), TooManyAuthenticatorsError
        )

        assert error.limit == AUTHENTICATORS_PER_USER

    @pytest.mark.parametrize("name", ["x" * 65, "a\x07b"])
    async def test_rejects_a_bad_name(self, services: Services, enrolled: Enrolled, name: str) -> None:
        """It changes nothing, and uses no second factor."""
        factor = otp_of(services, enrolled.authenticator)
        await raises(start_addition(services, CLIENT, enrolled.viewer, PASSWORD, factor, name), InvalidInputError)

        await start_addition(services, CLIENT, enrolled.viewer, PASSWORD, factor, " Tablet ")


class TestRemoval:
    async def test_removed_authenticator_no_longer_works(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """The other one does. Other sessions end, since the device may be lost."""
        tablet = await add(services, clock, enrolled)
        other = await sign_in_with_otp(services, member.email, tablet)
        clock.advance(TIME_STEP)
        (authenticators,) = await list_authenticators_of(services, enrolled.viewer, [enrolled.viewer.user])
        (tablet_id,) = (each.id for each in authenticators if each.name == "Tablet")
        await side_effects.new()

        await remove_authenticator(services, CLIENT, enrolled.viewer, tablet_id, PASSWORD)

        assert await side_effects.new() == side_effects.expected(Event.AUTHENTICATOR_REMOVED, "authenticator_removed")
        assert await count_rows(services, models.Session, id=other.session.id) == 0
        assert not await signs_in(services, member, tablet)
        assert await signs_in(services, member, enrolled.authenticator)

    async def test_last_one_cannot_be_removed(
        self, services: Services, member: models.User, enrolled: Enrolled
    ) -> None:
        """Neither can one that does not exist."""
        (authenticators,) = await list_authenticators_of(services, enrolled.viewer, [enrolled.viewer.user])
        call = (services, CLIENT, enrolled.viewer)

        await raises(remove_authenticator(*call, authenticators[0].id, PASSWORD), LastAuthenticatorError)
        for unknown in (None, member.id):
            await raises(remove_authenticator(*call, unknown, PASSWORD), AuthenticatorNotFoundError)
        assert await count_rows(services, models.Authenticator) == 1


class TestRaces:
    async def test_simultaneous_confirmations_enrol_once(
        self, services: Services, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """All of them get the same answer."""
        started = await start(services, enrolled)
        await side_effects.new()

        answers = await asyncio.gather(*[confirm(services, enrolled.viewer, started) for _ in range(5)])

        assert len(set(answers)) == 1
        assert await count_rows(services, models.Authenticator) == 1
        assert await side_effects.new() == side_effects.expected(Event.AUTHENTICATOR_REPLACED, "authenticator_replaced")

    async def test_simultaneous_removals_leave_one(self, services: Services, clock: Clock, enrolled: Enrolled) -> None:
        """One of the calls finds only the last one."""
        await add(services, clock, enrolled)
        (authenticators,) = await list_authenticators_of(services, enrolled.viewer, [enrolled.viewer.user])

        answers = await asyncio.gather(
            *[remove_authenticator(services, CLIENT, enrolled.viewer, each.id, PASSWORD) for each in authenticators],
            return_exceptions=True,
        )

        assert sum(isinstance(answer, LastAuthenticatorError) for answer in answers) == 1
        assert await count_rows(services, models.Authenticator) == 1

    @pytest.mark.attack("I7")
    @pytest.mark.parametrize("other", ["reset", "deactivation", "removal"])
    async def test_replacement_beside_another_change_leaves_no_authenticator_without_2fa(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled, other: str
    ) -> None:
        """Whichever is first, 2FA is active if, and only if, an authenticator is in force."""
        await add(services, clock, enrolled)
        (authenticators,) = await list_authenticators_of(services, enrolled.viewer, [enrolled.viewer.user])
        started = await start(services, enrolled)
        changes: dict[str, Callable[[], Awaitable[object]]] = {
            "reset": lambda: reset_by_operator(services, member.id, None),
            "deactivation": lambda: deactivate(services, CLIENT, enrolled.viewer, PASSWORD),
            "removal": lambda: remove_authenticator(services, CLIENT, enrolled.viewer, authenticators[0].id, PASSWORD),
        }

        answers = await asyncio.gather(
            confirm(services, enrolled.viewer, started), changes[other](), return_exceptions=True
        )

        assert all(not isinstance(answer, Exception) or isinstance(answer, DomainError) for answer in answers)
        async with services.database.reading():
            row = await models.User.get(id=member.id)
        in_force = await count_rows(services, models.Authenticator)
        assert (row.two_factor_activated_at is not None) == (in_force > 0)
        assert await count_rows(services, models.Activation) == 0
