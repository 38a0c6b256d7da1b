"""Vouchers: after a reset, nobody activates 2FA without the voucher, if the company account has the rule."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

import models
from accounts.errors import SecondFactorLockedError, UnauthenticatedError, WrongPasswordError
from accounts.passwords import change_password
from accounts.permissions import Viewer
from accounts.reauthentication import lock_viewer
from accounts.security_policy import update_security_policy
from accounts.services import Services
from accounts.users import delete_user, disable_user, enable_user, set_password
from models import VOUCHER_FACTOR, SecurityEventContext, SecurityEventKind
from models.sql.users import lock_user
from security.constants import FREE_ATTEMPTS, SECOND_FACTOR_FAILURES_ALLOWED, VOUCHER_LIFETIME
from security.errors import DomainError, TooManyAttemptsError
from security.fair_queue import COMMAND_LINE
from tests.integration.use_cases.helpers import (
    CLIENT,
    Enrolled,
    SideEffects,
    account_rows,
    before_hashing,
    count_rows,
    emails_of,
    events_of,
    raises,
    reload_viewer,
    sign_in,
)
from tests.integration.use_cases.invariants import assert_invariants
from tests.support.authenticator import Authenticator
from tests.support.clock import TIME_STEP, Clock
from tests.support.users import PASSWORD, WRONG_PASSWORD, set_security_policy
from twofactor.activation import acknowledge_backup_codes, start_activation
from twofactor.authenticators import start_addition, start_replacement
from twofactor.confirmation import BackupCodesIssued, confirm_otp
from twofactor.entered_second_factor import EnteredSecondFactor
from twofactor.errors import TwoFactorNotActiveError, VoucherNeededError, WrongVoucherError
from twofactor.factors.authenticator import AuthenticatorActivation
from twofactor.leaked_key import Leak, reset_affected_users
from twofactor.removal import deactivate, reset_by_admin, reset_by_operator
from twofactor.vouchers import EnteredVoucher

Event = SecurityEventKind
WRONG_VOUCHER = "7777777777"
NEW_PASSWORD = "tr0ub4dor and three more words"


@dataclass
class Reset:
    """A member who was reset with a voucher, and is logged in again."""

    services: Services
    clock: Clock
    member: models.User
    viewer: Viewer
    voucher: str

    async def start(
        self, voucher: str | None, password: str = PASSWORD, *, viewer: Viewer | None = None
    ) -> AuthenticatorActivation:
        """Start the activation."""
        entered = None if voucher is None else EnteredVoucher(voucher)
        return await start_activation(self.services, CLIENT, viewer or self.viewer, password, voucher=entered)

    async def confirm(self, started: AuthenticatorActivation) -> BackupCodesIssued | object:
        """Confirm the activation with the OTP of its authenticator."""
        otp = Authenticator.parse(started.otpauth_uri).otp(self.services.now())
        return await confirm_otp(self.services, CLIENT, self.viewer, started.activation_id, otp)

    async def activate(self, started: AuthenticatorActivation) -> None:
        """Complete the activation."""
        if isinstance(await self.confirm(started), BackupCodesIssued):
            await acknowledge_backup_codes(self.services, CLIENT, self.viewer, started.activation_id)
        self.clock.advance(TIME_STEP)

    async def wrong(self) -> WrongVoucherError:
        """Enter a wrong voucher."""
        return await raises(self.start(WRONG_VOUCHER), WrongVoucherError)

    async def row(self) -> models.User:
        """Return the row of the member."""
        async with self.services.database.reading():
            return await models.User.get(id=self.member.id)

    async def is_active(self) -> bool:
        """Return whether the member's 2FA is active."""
        return (await self.row()).two_factor_activated_at is not None


async def voucher_of(services: Services, member: models.User) -> str:
    """Reset the member as the operator, and return the voucher."""
    voucher = await reset_by_operator(services, member.id, None)
    assert voucher is not None
    return voucher.text


@pytest.fixture
async def vouchers_on(services: Services, company: models.Company) -> None:
    """Turn the rule on."""
    await set_security_policy(services.database, company, resets_need_voucher=True)


@pytest.fixture
async def reset(
    services: Services,
    clock: Clock,
    member: models.User,
    enrolled: Enrolled,  # noqa: ARG001  # 2FA that is reset
    vouchers_on: None,  # noqa: ARG001  # before the reset
) -> Reset:
    """Return the member after a reset with a voucher."""
    voucher = await voucher_of(services, member)
    return Reset(services, clock, member, await sign_in(services, member.email), voucher)


class TestResetWithVoucher:
    async def test_admin_gets_it_once(
        self, services: Services, clock: Clock, enrolled: Enrolled, admin_viewer: Viewer, vouchers_on: None
    ) -> None:
        """It is a code of ten characters for a day. The database has only its slow hash, and repr() hides it."""
        result = await reset_by_admin(services, CLIENT, admin_viewer, enrolled.viewer.user.id, PASSWORD, None)

        assert result.voucher is not None
        assert len(result.voucher) == 10
        assert result.voucher_expires_at == clock.now + VOUCHER_LIFETIME
        assert result.voucher not in repr(result)
        assert result.user.two_factor.voucher_needed
        rows = str(await account_rows(services))
        assert result.voucher not in rows
        assert "$argon2id$" in rows
        assert [result.voucher in str(each.facts) for each in await emails_of(services, "two_factor_reset")] == [False]

    async def test_without_the_rule_there_is_none(
        self, services: Services, enrolled: Enrolled, admin_viewer: Viewer
    ) -> None:
        """A reset is as before, also if an admin turns the rule on later."""
        result = await reset_by_admin(services, CLIENT, admin_viewer, enrolled.viewer.user.id, PASSWORD, None)
        assert (result.voucher, result.voucher_expires_at) == (None, None)
        await set_policy(services, admin_viewer, resets_need_voucher=True)
        viewer = await sign_in(services, enrolled.viewer.user.email)

        assert not viewer.user.two_factor.voucher_needed
        await start_activation(services, CLIENT, viewer, PASSWORD)

    @pytest.mark.parametrize("turned_on", [True, False])
    async def test_rule_at_the_commit_counts(
        self,
        services: Services,
        company: models.Company,
        enrolled: Enrolled,
        admin_viewer: Viewer,
        turned_on: bool,  # noqa: FBT001  # of the test
    ) -> None:
        """It can change while the server computes the hashes."""
        await set_security_policy(services.database, company, resets_need_voucher=not turned_on)
        admin = await reload_viewer(services, admin_viewer)

        async def change() -> None:
            await set_security_policy(services.database, company, resets_need_voucher=turned_on)

        with before_hashing(services, change) as hooked:
            result = await reset_by_admin(hooked, CLIENT, admin, enrolled.viewer.user.id, PASSWORD, None)

        assert (result.voucher is not None) == turned_on
        assert await count_rows(services, models.User, voucher_hash__isnull=False) == int(turned_on)

    async def test_user_who_never_had_2fa_needs_none(
        self, services: Services, viewer: Viewer, admin_viewer: Viewer, vouchers_on: None
    ) -> None:
        """There was no reset, and there is nothing to reset."""
        await raises(
            reset_by_admin(services, CLIENT, admin_viewer, viewer.user.id, PASSWORD, None), TwoFactorNotActiveError
        )

        await start_activation(services, CLIENT, await reload_viewer(services, viewer), PASSWORD)

    async def test_user_who_deactivated_2fa_needs_none(
        self, services: Services, enrolled: Enrolled, vouchers_on: None
    ) -> None:
        """Nobody has reset them."""
        await deactivate(services, CLIENT, enrolled.viewer, PASSWORD)

        await start_activation(services, CLIENT, await reload_viewer(services, enrolled.viewer), PASSWORD)

    async def test_second_reset_replaces_it(
        self, services: Services, reset: Reset, admin_viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """The earlier voucher, sessions and activation end at once, also though 2FA is inactive."""
        started = await reset.start(reset.voucher)
        await side_effects.new()
        again = await reset_by_admin(services, CLIENT, admin_viewer, reset.member.id, PASSWORD, "voucher lost")

        assert await side_effects.new() == side_effects.expected(Event.TWO_FACTOR_RESET, "two_factor_reset")
        assert [each.facts["was_active"] for each in await emails_of(services, "two_factor_reset")] == [True, False]
        await raises(reset.confirm(started), UnauthenticatedError)
        reset.viewer = await sign_in(services, reset.member.email)
        await raises(reset.start(reset.voucher), WrongVoucherError)
        await reset.activate(await reset.start(again.voucher))
        assert await reset.is_active()

    async def test_leaked_key_leaves_users_without_a_voucher(
        self, services: Services, reset: Reset, admin_viewer: Viewer
    ) -> None:
        """Nobody hands over so many. An admin resets each user again, and no text is right before."""
        await reset.activate(await reset.start(reset.voucher))
        leak = Leak(services.key_ring.current_id)
        assert [number async for number in reset_affected_users(services, leak, None)] == [1]
        reset.viewer = await sign_in(services, reset.member.email)
        assert reset.viewer.user.two_factor.voucher_needed
        await raises(reset.start(None), VoucherNeededError)
        await raises(reset.start(reset.voucher), WrongVoucherError)

        again = await reset_by_admin(services, CLIENT, admin_viewer, reset.member.id, PASSWORD, None)

        reset.viewer = await sign_in(services, reset.member.email)
        await reset.start(again.voucher)


class TestActivationWithVoucher:
    @pytest.mark.attack("D13")
    async def test_password_alone_starts_none(
        self, services: Services, reset: Reset, side_effects: SideEffects
    ) -> None:
        """Nothing changes, and no attempt is used."""
        await side_effects.new()
        before = await account_rows(services)

        await raises(reset.start(None), VoucherNeededError)

        assert await account_rows(services) == before
        assert await side_effects.new() == []
        assert await count_rows(services, models.AttemptCount, failures__gt=0) == 0

    @pytest.mark.parametrize(
        "spelling", [str, str.lower, lambda text: f"  {text[:5]}-{text[5:]}\n", lambda text: text.replace("0", "O")]
    )
    async def test_voucher_works_as_a_user_types_it(self, reset: Reset, spelling: Callable[[str], str]) -> None:
        """It is read as a backup code is."""
        await reset.activate(await reset.start(spelling(reset.voucher)))

        row = await reset.row()
        assert row.two_factor_activated_at is not None
        assert (row.voucher_hash, row.voucher_expires_at) == (None, None)

    async def test_voucher_works_until_the_activation_is_complete(
        self, services: Services, clock: Clock, reset: Reset
    ) -> None:
        """A user whose activation ended starts again with it. Then it is used up."""
        await reset.start(reset.voucher)
        clock.advance(timedelta(minutes=11))
        reset.viewer = await sign_in(services, reset.member.email)
        assert reset.viewer.user.two_factor.voucher_needed
        await reset.activate(await reset.start(reset.voucher))
        reset.viewer = await reload_viewer(services, reset.viewer)
        assert not reset.viewer.user.two_factor.voucher_needed

        await deactivate(services, CLIENT, reset.viewer, PASSWORD)
        await reset.start(None)

    async def test_voucher_is_used_up_without_backup_codes(
        self, services: Services, company: models.Company, reset: Reset
    ) -> None:
        """`confirm_otp` completes the activation then."""
        await set_security_policy(services.database, company, backup_codes_enabled=False)

        await reset.activate(await reset.start(reset.voucher))

        assert (await reset.row()).voucher_hash is None
        assert await count_rows(services, models.AttemptCount, factor=VOUCHER_FACTOR) == 0

    @pytest.mark.attack("D13")
    @pytest.mark.parametrize("after", [VOUCHER_LIFETIME, VOUCHER_LIFETIME * 30])
    async def test_expired_voucher_is_wrong_and_still_needed(
        self, services: Services, clock: Clock, reset: Reset, after: timedelta
    ) -> None:
        """Another reset gives a new one."""
        clock.advance(after)
        reset.viewer = await sign_in(services, reset.member.email)

        error = await raises(reset.start(reset.voucher), WrongVoucherError)
        assert (error.attempts_remaining, error.malformed) == (4, False)
        await raises(reset.start(None), VoucherNeededError)
        voucher = await voucher_of(services, reset.member)
        reset.viewer = await sign_in(services, reset.member.email)
        await reset.start(voucher)

    async def test_voucher_works_until_the_last_second(self, services: Services, clock: Clock, reset: Reset) -> None:
        """It is valid for a day."""
        clock.advance(VOUCHER_LIFETIME - timedelta(seconds=1))

        await reset.start(reset.voucher)

    async def test_voucher_of_a_wrong_clock_is_not_trusted(self, clock: Clock, reset: Reset) -> None:
        """A clock that jumped forward and back would keep it valid for longer."""
        clock.advance(-timedelta(hours=2))

        await raises(reset.start(reset.voucher), WrongVoucherError)

    @pytest.mark.parametrize("text", ["", " ", "123456789", "12345678901", "ÄÖÜ4567890", "\ud800" * 10, "x" * 5000])
    async def test_malformed_text_uses_no_attempt(self, services: Services, reset: Reset, text: str) -> None:
        """The server compares nothing."""
        error = await raises(reset.start(text), WrongVoucherError)

        assert (error.attempts_remaining, error.malformed) == (5, True)
        assert await count_rows(services, models.AttemptCount, failures__gt=0) == 0
        assert await events_of(services, Event.VOUCHER_FAILED) == []

    @pytest.mark.attack("D14")
    async def test_wrong_password_uses_no_attempt_of_the_voucher(self, services: Services, reset: Reset) -> None:
        """Whether the voucher is right or wrong, the answer is about the password."""
        for voucher in (reset.voucher, WRONG_VOUCHER, None, "malformed"):
            error = await raises(reset.start(voucher, WRONG_PASSWORD), WrongPasswordError)
            assert error.attempts_remaining is not None
            assert error.attempts_remaining < FREE_ATTEMPTS

        assert await count_rows(services, models.AttemptCount, factor=VOUCHER_FACTOR) == 0

    async def test_without_the_rule_nothing_asks_for_it(
        self, services: Services, company: models.Company, reset: Reset
    ) -> None:
        """An admin who turns the rule off lets everybody activate by the password. Any text is ignored."""
        await set_security_policy(services.database, company, resets_need_voucher=False)
        reset.viewer = await reload_viewer(services, reset.viewer)
        assert not reset.viewer.user.two_factor.voucher_needed

        for voucher in (None, WRONG_VOUCHER, "malformed"):
            started = await reset.start(voucher)
        await reset.activate(started)

        assert (await reset.row()).voucher_hash is None
        assert await count_rows(services, models.AttemptCount, failures__gt=0) == 0

    async def test_rule_at_the_start_counts(self, services: Services, company: models.Company, reset: Reset) -> None:
        """While it is off, a user can start. They can finish what they started. The next start needs the voucher."""
        await set_security_policy(services.database, company, resets_need_voucher=False)
        started = await reset.start(None)
        await set_security_policy(services.database, company, resets_need_voucher=True)
        await raises(reset.start(None), VoucherNeededError)

        await reset.activate(started)

        assert await reset.is_active()

    async def test_rule_may_be_turned_on_during_the_start(
        self, services: Services, company: models.Company, reset: Reset
    ) -> None:
        """The commit counts, and the voucher that the client sent is checked."""
        await set_security_policy(services.database, company, resets_need_voucher=False)
        viewer = await reload_viewer(services, reset.viewer)

        async def turn_on() -> None:
            await set_security_policy(services.database, company, resets_need_voucher=True)

        for voucher, error in ((None, VoucherNeededError), (WRONG_VOUCHER, WrongVoucherError)):
            await set_security_policy(services.database, company, resets_need_voucher=False)
            with before_hashing(services, turn_on) as hooked:
                entered = voucher and EnteredVoucher(voucher)
                await raises(start_activation(hooked, CLIENT, viewer, PASSWORD, voucher=entered or None), error)
        await set_security_policy(services.database, company, resets_need_voucher=False)
        with before_hashing(services, turn_on) as hooked:
            await start_activation(hooked, CLIENT, viewer, PASSWORD, voucher=EnteredVoucher(reset.voucher))


class TestAttempts:
    @pytest.mark.attack("D14")
    async def test_wrong_vouchers_have_to_wait_in_all_sessions(
        self, services: Services, clock: Clock, reset: Reset, side_effects: SideEffects
    ) -> None:
        """The fifth in a row starts a wait, with events and one warning. Another session has the same limit."""
        activation = await reset.start(reset.voucher)
        await side_effects.new()
        left = [(await reset.wrong()).attempts_remaining for _ in range(FREE_ATTEMPTS)]

        assert left == [4, 3, 2, 1, 0]
        expected = [*[Event.VOUCHER_FAILED] * FREE_ATTEMPTS, Event.LOCKED, "voucher_warning"]
        assert await side_effects.new() == side_effects.expected(*expected)
        [locked] = await events_of(services, Event.LOCKED)
        assert (locked.factor, locked.during, locked.note) == (None, SecurityEventContext.ACTIVATION, "VOUCHER")
        other = await sign_in(services, reset.member.email)
        for viewer in (reset.viewer, other):
            error = await raises(reset.start(reset.voucher, viewer=viewer), TooManyAttemptsError)
            assert error.retry_at >= clock.now + timedelta(seconds=30)
        await raises(reset.start("malformed"), TooManyAttemptsError)
        # The unfinished activation is not ended by those who cannot start one.
        await reset.activate(activation)
        assert await reset.is_active()

    async def test_wait_ends(self, clock: Clock, reset: Reset) -> None:
        """A right voucher starts the failures in a row over."""
        for _ in range(FREE_ATTEMPTS):
            await reset.wrong()
        clock.advance(timedelta(seconds=31))
        await reset.start(reset.voucher)

        assert (await reset.wrong()).attempts_remaining == FREE_ATTEMPTS - 1

    @pytest.mark.attack("D14")
    async def test_hundred_wrong_vouchers_lock_until_another_reset(
        self, services: Services, clock: Clock, reset: Reset, admin_viewer: Viewer
    ) -> None:
        """The right voucher no longer works either. A new reset starts the count over."""
        await reset.wrong()
        async with services.database.transaction():
            counts = models.AttemptCount.filter(factor=VOUCHER_FACTOR)
            await counts.update(failures=0, failures_since_sign_in=SECOND_FACTOR_FAILURES_ALLOWED - 1)
        last = await reset.wrong()
        assert last.next_attempt_at is None
        clock.advance(timedelta(hours=2))
        for voucher in (reset.voucher, WRONG_VOUCHER, "malformed"):
            error = await raises(reset.start(voucher), SecondFactorLockedError)
            assert error.only_admin_helps

        again = await reset_by_admin(services, CLIENT, admin_viewer, reset.member.id, PASSWORD, None)

        reset.viewer = await sign_in(services, reset.member.email)
        assert (await reset.wrong()).attempts_remaining == FREE_ATTEMPTS - 1
        await reset.start(again.voucher)

    async def test_count_does_not_concern_the_login(self, services: Services, reset: Reset) -> None:
        """It has a subject of its own, so that the page of the user shows no lock of the login."""
        await reset.wrong()

        assert await count_rows(services, models.AttemptCount, subject=reset.member.id.hex) == 0
        await delete_user(services, reset.member.id)
        assert await count_rows(services, models.AttemptCount, factor=VOUCHER_FACTOR) == 0


class TestWaysAround:
    @pytest.mark.attack("D13")
    @pytest.mark.parametrize("way", ["password changed", "disabled and enabled", "password set", "reset twice"])
    async def test_requirement_stays(
        self,
        services: Services,
        reset: Reset,
        way: str,
    ) -> None:
        """Only a complete activation, or the end of the account, removes it."""
        password = PASSWORD
        if way == "password changed":
            await change_password(services, CLIENT, reset.viewer, PASSWORD, NEW_PASSWORD)
            password = NEW_PASSWORD
        elif way == "disabled and enabled":
            await disable_user(services, reset.member.id)
            await enable_user(services, reset.member.id)
        elif way == "password set":
            await set_password(services, reset.member.id, NEW_PASSWORD)
            password = NEW_PASSWORD
        else:
            await voucher_of(services, reset.member)

        reset.viewer = await sign_in(services, reset.member.email, password)
        assert reset.viewer.user.two_factor.voucher_needed
        await raises(reset.start(None, password), VoucherNeededError)

    @pytest.mark.attack("D13")
    async def test_other_ways_to_enrol_need_active_2fa(self, services: Services, reset: Reset) -> None:
        """An authenticator can be added or replaced only while 2FA is active."""
        factor = EnteredSecondFactor("OTP", "123456")

        await raises(start_replacement(services, CLIENT, reset.viewer, PASSWORD, factor), TwoFactorNotActiveError)
        await raises(start_addition(services, CLIENT, reset.viewer, PASSWORD, factor, "x"), TwoFactorNotActiveError)

    @pytest.mark.attack("D13")
    @pytest.mark.parametrize("step", ["start", "confirm", "acknowledge"])
    async def test_reset_beside_a_step_leaves_no_2fa_by_an_old_voucher(
        self, services: Services, reset: Reset, step: str
    ) -> None:
        """Whichever is first, 2FA is active only if it was complete before the reset, and then it is removed."""
        started = await reset.start(reset.voucher)
        if step == "acknowledge":
            await reset.confirm(started)
        steps: dict[str, Callable[[], Awaitable[object]]] = {
            "start": lambda: reset.start(reset.voucher),
            "confirm": lambda: reset.confirm(started),
            "acknowledge": lambda: acknowledge_backup_codes(services, CLIENT, reset.viewer, started.activation_id),
        }

        answers = await asyncio.gather(
            steps[step](), reset_by_operator(services, reset.member.id, None), return_exceptions=True
        )

        assert all(not isinstance(each, Exception) or isinstance(each, DomainError) for each in answers)
        assert not await reset.is_active()
        assert await count_rows(services, models.Activation) == 0
        assert (await reset.row()).voucher_hash is not None
        await assert_invariants(services)
        reset.viewer = await sign_in(services, reset.member.email)
        await raises(reset.start(reset.voucher), WrongVoucherError)

    @pytest.mark.attack("D13")
    async def test_two_starts_leave_one_activation(self, services: Services, reset: Reset) -> None:
        """The voucher is right in both sessions, and the later start ends the earlier one."""
        other = await sign_in(services, reset.member.email)

        started = await asyncio.gather(reset.start(reset.voucher), reset.start(reset.voucher, viewer=other))

        assert len({each.activation_id for each in started}) == 2
        assert await count_rows(services, models.Activation) == 1

    @pytest.mark.attack("D13")
    async def test_reset_while_the_voucher_is_hashed(self, services: Services, reset: Reset) -> None:
        """The server checks the session and the stored hash again after the slow hash."""

        async def reset_again() -> None:
            await reset_by_operator(services, reset.member.id, None)

        with before_hashing(services, reset_again) as hooked:
            voucher = EnteredVoucher(reset.voucher)
            await raises(
                start_activation(hooked, CLIENT, reset.viewer, PASSWORD, voucher=voucher), UnauthenticatedError
            )

        assert await count_rows(services, models.Activation) == 0

    async def test_new_hash_during_the_check_is_wrong(self, services: Services, reset: Reset) -> None:
        """Also if the session had not ended, the voucher of before would be wrong."""

        async def replace_hash() -> None:
            async with services.database.transaction():
                user = await lock_user(reset.member.id)
                assert user is not None
                user.voucher_hash = "replaced"
                await user.save(update_fields=["voucher_hash"])

        entered = EnteredVoucher(reset.voucher)
        async with services.hashing.admit(COMMAND_LINE) as hasher:
            await entered.prepare(services, hasher, reset.viewer)
        await replace_hash()

        async with services.database.transaction():
            account = await lock_viewer(reset.viewer)
            await raises(entered.check(services, CLIENT, account), WrongVoucherError)


async def set_policy(services: Services, admin: Viewer, *, resets_need_voucher: bool) -> None:
    """Change rules as the admin."""
    await update_security_policy(
        services,
        CLIENT,
        admin,
        PASSWORD,
        two_factor_enforced=None,
        backup_codes_enabled=None,
        resets_need_voucher=resets_need_voucher,
    )


class TestRule:
    async def test_change_is_an_event(self, services: Services, admin_viewer: Viewer) -> None:
        """The audit log has the rule, and a change that changes nothing records nothing."""
        await set_policy(services, admin_viewer, resets_need_voucher=True)
        await set_policy(services, admin_viewer, resets_need_voucher=True)

        [event] = await events_of(services, Event.SECURITY_POLICY_CHANGED)
        assert event.changes == [{"field": "RESETS_NEED_VOUCHER", "from": "false", "to": "true"}]
        assert event.note == "resets_need_voucher=on"
