"""Known devices: their attempts have a count of their own, which no stranger can use up."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

import models
from accounts import attempt_limits
from accounts.cleanup import delete_expired_rows
from accounts.errors import DeviceNotFoundError, UnauthenticatedError, WrongEmailOrPasswordError, WrongPasswordError
from accounts.known_devices import DeviceTokens, find_device, forget_device, list_devices
from accounts.passwords import change_password
from accounts.permissions import Viewer
from accounts.reauthentication import reauthenticate
from accounts.security_policy import update_security_policy
from accounts.services import Client, Services
from accounts.sessions import LoggedIn
from accounts.users import set_password
from models import KNOWN_DEVICE, SecurityEventKind, SessionTransport
from security.constants import (
    DEVICE_FAILURES_ALLOWED,
    FIRST_WAIT,
    FREE_ATTEMPTS,
    KNOWN_DEVICE_IDLE_LIFETIME,
    KNOWN_DEVICES_PER_USER,
    REAUTHENTICATION_FAILURES_ALLOWED,
)
from security.errors import TooManyAttemptsError
from security.ip_rate_limiter import IpRateLimiter
from tests.integration.use_cases.helpers import (
    CLIENT,
    TOKEN,
    Enrolled,
    SideEffects,
    count_rows,
    emails_of,
    events_of,
    raises,
    sign_in,
    viewer_of,
)
from tests.support.clock import TIME_STEP, Clock
from tests.support.users import NEW_PASSWORD, PASSWORD, WRONG_PASSWORD
from twofactor.errors import WrongSecondFactorError
from twofactor.login import SecondFactorRequired, log_in
from twofactor.removal import reset_by_admin
from twofactor.second_factor import verify_login

WANTS_TOKEN = DeviceTokens(wants_token=True)
# Strangers have other addresses than the owner.
STRANGER = Client("198.51.100.66", "curl/8", "en")


async def remembered(services: Services, email: str, devices: DeviceTokens = WANTS_TOKEN) -> LoggedIn:
    """Sign in a user without 2FA on a device that takes part."""
    answer = await log_in(services, CLIENT, email, PASSWORD, TOKEN, devices)
    assert isinstance(answer, LoggedIn)
    return answer


async def remembered_with_otp(services: Services, clock: Clock, email: str, enrolled: Enrolled) -> str:
    """Sign in with an OTP on a new device, and return its token."""
    challenge = await challenge_of(services, email, WANTS_TOKEN)
    answer = await verify_login(
        services, CLIENT, challenge, kind="OTP", text=enrolled.authenticator.otp(services.now())
    )
    clock.advance(TIME_STEP)
    assert answer.device.new_token is not None
    return answer.device.new_token


async def challenge_of(services: Services, email: str, devices: DeviceTokens) -> str:
    """Take the first step of a sign-in with 2FA."""
    answer = await log_in(services, CLIENT, email, PASSWORD, TOKEN, devices)
    assert isinstance(answer, SecondFactorRequired)
    return answer.challenge_token


async def fail_password(services: Services, email: str, token: str) -> None:
    """Enter a wrong password on a device."""
    attempt = log_in(services, CLIENT, email, WRONG_PASSWORD, TOKEN, DeviceTokens((token,)))
    await raises(attempt, WrongEmailOrPasswordError)


async def let_strangers_fail(services: Services, clock: Clock, email: str, attempts: int = FREE_ATTEMPTS) -> None:
    """Enter wrong passwords from nowhere, until strangers have to wait."""
    for _ in range(attempts):
        try:
            await log_in(services, STRANGER, email, WRONG_PASSWORD, TOKEN)
        except WrongEmailOrPasswordError:
            pass
        except TooManyAttemptsError as error:
            clock.advance(error.retry_at - clock.now)


async def strangers_have_to_wait(services: Services, email: str) -> bool:
    """Return whether a stranger with the right password has to wait."""
    try:
        await log_in(services, STRANGER, email, PASSWORD, TOKEN)
    except TooManyAttemptsError:
        return True
    return False


class TestRemember:
    async def test_token_is_issued_only_to_a_client_that_takes_part(
        self, services: Services, member: models.User
    ) -> None:
        """Without it, a sign-in leaves no device."""
        assert (await remembered(services, member.email, DeviceTokens())).device.new_token is None
        assert await count_rows(services, models.KnownDevice) == 0

        logged_in = await remembered(services, member.email)

        token = logged_in.device.new_token
        assert token is not None
        assert token.startswith("cs_device_")
        assert token not in repr(logged_in)
        (device,) = await list_devices(services, await viewer_of(services, logged_in))
        assert device.current
        assert device.first_seen_at == device.last_seen_at == services.now()

    async def test_known_device_gets_no_second_token(
        self, services: Services, clock: Clock, member: models.User
    ) -> None:
        """Its next sign-in renews it. The session starts on it."""
        token = (await remembered(services, member.email)).device.new_token or ""
        clock.advance(timedelta(days=80))

        again = await remembered(services, member.email, DeviceTokens((token,), wants_token=True))

        assert (again.device.new_token, again.device.tokens) == (None, (token,))
        (device,) = await list_devices(services, await viewer_of(services, again))
        assert device.current
        assert device.last_seen_at == services.now()
        assert device.first_seen_at == services.now() - timedelta(days=80)

    async def test_token_is_bound_to_its_user(
        self, services: Services, member: models.User, admin: models.User
    ) -> None:
        """For another user it is no token. People share computers, so the client keeps the tokens of all users."""
        token = (await remembered(services, member.email)).device.new_token or ""

        answer = await remembered(services, admin.email, DeviceTokens(("", "cs_device_x", token), wants_token=True))

        assert answer.device.new_token not in {None, token}
        assert answer.device.tokens == (answer.device.new_token, token)

    async def test_unused_device_is_forgotten_after_90_days(
        self, services: Services, clock: Clock, member: models.User
    ) -> None:
        """The cleanup deletes it."""
        token = (await remembered(services, member.email)).device.new_token or ""
        clock.advance(KNOWN_DEVICE_IDLE_LIFETIME)

        answer = await remembered(services, member.email, DeviceTokens((token,), wants_token=True))

        assert answer.device.tokens == (answer.device.new_token,)
        async for _ in delete_expired_rows(services):
            pass
        assert await count_rows(services, models.KnownDevice) == 1

    async def test_user_has_20_devices_at_most(self, services: Services, clock: Clock, member: models.User) -> None:
        """A new one forgets the one that was unused for longest."""
        first, second = [(await remembered(services, member.email)).device.new_token or "" for _ in range(2)]
        for _ in range(KNOWN_DEVICES_PER_USER - 2):
            clock.advance(timedelta(seconds=1))
            await remembered(services, member.email)
        await remembered(services, member.email, DeviceTokens((first,)))

        await remembered(services, member.email)

        assert await count_rows(services, models.KnownDevice) == KNOWN_DEVICES_PER_USER
        known = await remembered(services, member.email, DeviceTokens((second, first)))
        assert known.device.tokens[0] == first

    async def test_second_factor_is_always_required(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """A device token replaces neither factor."""
        token = await remembered_with_otp(services, clock, member.email, enrolled)

        assert await challenge_of(services, member.email, DeviceTokens((token,)))
        await fail_password(services, member.email, token)


class TestAttempts:
    @pytest.mark.attack("B14")
    async def test_strangers_never_make_a_known_device_wait(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """A thousand wrong passwords and a thousand wrong codes delay the owner by nothing."""
        token = await remembered_with_otp(services, clock, member.email, enrolled)
        await let_strangers_fail(services, clock, member.email, attempts=40)
        clock.advance(timedelta(hours=1))
        challenge = await challenge_of(services, member.email, DeviceTokens())
        wrong_otp = enrolled.authenticator.wrong_otp(services.now())
        for _ in range(1000):
            with contextlib.suppress(WrongSecondFactorError, TooManyAttemptsError):
                await verify_login(services, STRANGER, challenge, kind="OTP", text=wrong_otp)
            with contextlib.suppress(WrongEmailOrPasswordError, TooManyAttemptsError):
                await log_in(services, STRANGER, member.email, WRONG_PASSWORD, TOKEN)

        own = await challenge_of(services, member.email, DeviceTokens((token,)))
        otp = enrolled.authenticator.otp(services.now())
        assert isinstance(await verify_login(services, CLIENT, own, kind="OTP", text=otp), LoggedIn)
        assert await strangers_have_to_wait(services, member.email)

    @pytest.mark.attack("B7")
    async def test_success_of_a_known_device_leaves_the_failures_of_strangers(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """Otherwise the daily sign-ins of an owner would give new guesses to whoever has the password."""
        token = await remembered_with_otp(services, clock, member.email, enrolled)
        stolen = await challenge_of(services, member.email, DeviceTokens())
        for _ in range(FREE_ATTEMPTS):
            wrong = enrolled.authenticator.wrong_otp(services.now())
            attempt = verify_login(services, STRANGER, stolen, kind="OTP", text=wrong)
            await raises(attempt, WrongSecondFactorError)

        own = await challenge_of(services, member.email, DeviceTokens((token,)))
        await verify_login(services, CLIENT, own, kind="OTP", text=enrolled.authenticator.otp(services.now()))

        clock.advance(timedelta(seconds=29))
        otp = enrolled.authenticator.otp(services.now())
        await raises(verify_login(services, STRANGER, stolen, kind="OTP", text=otp), TooManyAttemptsError)

    async def test_fifth_failure_forgets_the_device(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """Passwords and second factors count together, and a right password between them does not start them over."""
        token = await remembered_with_otp(services, clock, member.email, enrolled)
        await fail_password(services, member.email, token)
        await fail_password(services, member.email, token)
        challenge = await challenge_of(services, member.email, DeviceTokens((token,)))
        remaining = []
        for _ in range(DEVICE_FAILURES_ALLOWED - 2):
            assert await count_rows(services, models.KnownDevice) == 1
            wrong = enrolled.authenticator.wrong_otp(services.now())
            error = await raises(
                verify_login(services, CLIENT, challenge, kind="OTP", text=wrong), WrongSecondFactorError
            )
            remaining.append(error.attempts_remaining)

        # After that, its attempts are those of a stranger.
        assert remaining == [2, 1, FREE_ATTEMPTS]
        assert await count_rows(services, models.KnownDevice) == 0
        assert len(await events_of(services, SecurityEventKind.DEVICE_FORGOTTEN)) == 1
        assert len(await emails_of(services, "second_factor_warning")) == 1
        otp = enrolled.authenticator.otp(services.now())
        assert isinstance(await verify_login(services, CLIENT, challenge, kind="OTP", text=otp), LoggedIn)

    async def test_failure_that_forgets_the_device_says_how_long_strangers_wait(
        self, services: Services, clock: Clock, member: models.User
    ) -> None:
        """Until then the device does not wait."""
        token = (await remembered(services, member.email)).device.new_token or ""
        await let_strangers_fail(services, clock, member.email)
        ends = []
        for _ in range(DEVICE_FAILURES_ALLOWED):
            attempt = log_in(services, CLIENT, member.email, WRONG_PASSWORD, TOKEN, DeviceTokens((token,)))
            ends.append((await raises(attempt, WrongEmailOrPasswordError)).next_attempt_at)

        assert ends == [None] * (DEVICE_FAILURES_ALLOWED - 1) + [services.now() + FIRST_WAIT]
        attempt = log_in(services, CLIENT, member.email, PASSWORD, TOKEN, DeviceTokens((token,)))
        assert (await raises(attempt, TooManyAttemptsError)).retry_at == ends[-1]

    async def test_completed_sign_in_starts_the_failures_of_the_device_over(
        self, services: Services, member: models.User
    ) -> None:
        """Four failures, a success and four failures leave the device known."""
        token = (await remembered(services, member.email)).device.new_token or ""
        for _ in range(2):
            for _ in range(DEVICE_FAILURES_ALLOWED - 1):
                await fail_password(services, member.email, token)
            await remembered(services, member.email, DeviceTokens((token,)))

        assert await count_rows(services, models.KnownDevice) == 1
        assert await count_rows(services, models.AttemptCount, factor=KNOWN_DEVICE, failures=0) == 1

    @pytest.mark.attack("B15")
    async def test_stolen_device_token_gives_five_attempts(
        self, services: Services, clock: Clock, member: models.User
    ) -> None:
        """Also if they arrive at the same time. All others count as those of a stranger."""
        token = (await remembered(services, member.email)).device.new_token or ""

        await asyncio.gather(*(self.fails(services, member.email, token) for _ in range(30)))

        assert await count_rows(services, models.KnownDevice) == 0
        async with services.database.reading():
            counts = {count.factor: count.failures for count in await models.AttemptCount.all()}
        assert counts == {KNOWN_DEVICE: DEVICE_FAILURES_ALLOWED, "PASSWORD": FREE_ATTEMPTS}

    async def test_attempts_that_a_dead_process_left_count_as_failures(
        self, services: Services, clock: Clock, member: models.User
    ) -> None:
        """The device does not wait for results that never come: after a minute its attempts are those of a stranger."""
        token = (await remembered(services, member.email)).device.new_token or ""
        device = await find_device(services, member.email, DeviceTokens((token,)))
        assert device is not None
        async with services.database.transaction():
            for _ in range(DEVICE_FAILURES_ALLOWED):
                await attempt_limits.reserve_attempt(attempt_limits.known_device_limit(device), services.now())
        clock.advance(timedelta(minutes=1))

        answer = await remembered(services, member.email, DeviceTokens((token,), wants_token=True))

        assert answer.device.new_token is not None

    async def test_success_and_failure_at_the_same_time(self, services: Services, member: models.User) -> None:
        """A success that starts the count over leaves a simultaneous failure without an error."""
        token = (await remembered(services, member.email)).device.new_token or ""

        await asyncio.gather(
            *(remembered(services, member.email, DeviceTokens((token,))) for _ in range(4)),
            *(fail_password(services, member.email, token) for _ in range(4)),
        )

        assert await count_rows(services, models.KnownDevice) == 1

    @staticmethod
    async def fails(services: Services, email: str, token: str) -> None:
        """Enter a wrong password on a device, whether it has to wait or not."""
        with pytest.raises((WrongEmailOrPasswordError, TooManyAttemptsError)):
            await log_in(services, CLIENT, email, WRONG_PASSWORD, TOKEN, DeviceTokens((token,)))

    @pytest.mark.attack("B5")
    async def test_address_of_many_failures_does_not_stop_a_known_device(
        self, services: Services, member: models.User
    ) -> None:
        """People behind one address, for example in a call centre, do not stop each other."""
        limited = replace(services, ip_rate_limiter=IpRateLimiter(failures_allowed=1))
        token = (await remembered(limited, member.email)).device.new_token or ""
        await raises(log_in(limited, CLIENT, "a@b.example", WRONG_PASSWORD, TOKEN), WrongEmailOrPasswordError)
        await raises(log_in(limited, CLIENT, member.email, PASSWORD, TOKEN), TooManyAttemptsError)

        await remembered(limited, member.email, DeviceTokens((token,)))

    async def test_simultaneous_right_passwords_do_not_make_each_other_wait(
        self, services: Services, member: models.User
    ) -> None:
        """Neither on a known device nor elsewhere: an attempt waits for the results of the others."""
        token = (await remembered(services, member.email)).device.new_token or ""

        for devices in (DeviceTokens(), DeviceTokens((token,))):
            await asyncio.gather(*(remembered(services, member.email, devices) for _ in range(20)))


class TestForget:
    async def test_user_forgets_a_device(
        self, services: Services, member: models.User, admin: models.User, side_effects: SideEffects
    ) -> None:
        """An event reports it. Nobody else can forget it."""
        logged_in = await remembered(services, member.email)
        viewer, stranger = await viewer_of(services, logged_in), await sign_in(services, admin.email)
        device_id = logged_in.device.id
        await side_effects.new()

        for wrong in (uuid4(), None):
            await raises(forget_device(services, CLIENT, viewer, wrong), DeviceNotFoundError)
        await raises(forget_device(services, CLIENT, stranger, device_id), DeviceNotFoundError)
        await forget_device(services, CLIENT, viewer, device_id)

        assert await list_devices(services, viewer) == ()
        assert await side_effects.new() == [SecurityEventKind.DEVICE_FORGOTTEN]
        await raises(forget_device(services, CLIENT, viewer, device_id), DeviceNotFoundError)

    async def test_new_password_forgets_all_other_devices(self, services: Services, member: models.User) -> None:
        """The device in use stays known."""
        await remembered(services, member.email)
        logged_in = await remembered(services, member.email)
        viewer = await viewer_of(services, logged_in)

        await change_password(services, CLIENT, viewer, PASSWORD, NEW_PASSWORD)

        assert [device.id for device in await list_devices(services, viewer)] == [logged_in.device.id]
        await set_password(services, member.id, PASSWORD)
        assert await count_rows(services, models.KnownDevice) == 0

    async def test_reset_forgets_all_devices(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled, admin: models.User
    ) -> None:
        """Somebody else may have the lost phone."""
        await remembered_with_otp(services, clock, member.email, enrolled)

        await reset_by_admin(services, CLIENT, await sign_in(services, admin.email), member.id, PASSWORD, None)

        assert await count_rows(services, models.KnownDevice) == 0


class TestNewDeviceEmail:
    async def test_reports_a_new_device_if_another_is_known(self, services: Services, member: models.User) -> None:
        """The first device and a client that takes no part are not reported."""
        await remembered(services, member.email)
        await remembered(services, member.email, DeviceTokens())
        assert await emails_of(services, "new_device") == []

        await remembered(services, member.email)

        (email,) = await emails_of(services, "new_device")
        assert email.facts["ip_address"] == CLIENT.ip_address

    async def test_company_account_can_turn_it_off(
        self, services: Services, member: models.User, admin: models.User
    ) -> None:
        """The policy says so."""
        policy = await update_security_policy(
            services,
            CLIENT,
            await sign_in(services, admin.email),
            PASSWORD,
            two_factor_enforced=None,
            backup_codes_enabled=None,
            new_device_emails=False,
        )
        assert not policy.company.new_device_emails

        for _ in range(2):
            await remembered(services, member.email)

        assert await emails_of(services, "new_device") == []


class TestReauthentication:
    @staticmethod
    async def fail(services: Services, viewer: Viewer) -> WrongPasswordError:
        """Enter a wrong password in a session."""
        return await raises(reauthenticate(services, CLIENT, viewer, WRONG_PASSWORD), WrongPasswordError)

    @pytest.mark.attack("B13", "B14")
    async def test_strangers_cannot_stop_it(self, services: Services, clock: Clock, member: models.User) -> None:
        """Neither by wrong logins with the email nor by failures from the same address."""
        limited = replace(services, ip_rate_limiter=IpRateLimiter(failures_allowed=1))
        viewer = await sign_in(limited, member.email)
        await let_strangers_fail(services, clock, member.email, attempts=40)
        await raises(log_in(limited, CLIENT, "a@b.example", WRONG_PASSWORD, TOKEN), WrongEmailOrPasswordError)

        assert (await reauthenticate(limited, CLIENT, viewer, PASSWORD)).viewer == viewer

    async def test_has_a_limit_for_each_session(self, services: Services, member: models.User) -> None:
        """Another session of the user and logins do not wait."""
        viewer, other = await sign_in(services, member.email), await sign_in(services, member.email)

        remaining = [(await self.fail(services, viewer)).attempts_remaining for _ in range(FREE_ATTEMPTS)]

        assert remaining == [4, 3, 2, 1, 0]
        await raises(reauthenticate(services, CLIENT, viewer, PASSWORD), TooManyAttemptsError)
        await reauthenticate(services, CLIENT, other, PASSWORD)
        await sign_in(services, member.email)

    @pytest.mark.attack("B13")
    async def test_tenth_wrong_password_in_a_row_ends_the_session(
        self, services: Services, clock: Clock, member: models.User, side_effects: SideEffects
    ) -> None:
        """An event and an email report it. Somebody else may hold the session."""
        viewer, other = await sign_in(services, member.email), await sign_in(services, member.email)
        for _ in range(REAUTHENTICATION_FAILURES_ALLOWED - 1):
            await self.fail(services, viewer)
            clock.advance(timedelta(hours=1))
        await side_effects.new()

        await raises(reauthenticate(services, CLIENT, viewer, WRONG_PASSWORD), UnauthenticatedError)

        kind = SecurityEventKind
        assert await side_effects.new() == side_effects.expected(
            kind.REAUTHENTICATION_FAILED, kind.LOCKED, kind.SESSION_ENDED, "session_ended"
        )
        async with services.database.reading():
            assert [session.id for session in await models.Session.all()] == [other.session.id]

    async def test_right_password_starts_the_count_over(
        self, services: Services, clock: Clock, member: models.User
    ) -> None:
        """After nine wrong ones, a right one and nine wrong ones, the session is alive."""
        viewer = await sign_in(services, member.email)
        for _ in range(2):
            for _ in range(REAUTHENTICATION_FAILURES_ALLOWED - 1):
                await self.fail(services, viewer)
                clock.advance(timedelta(hours=1))
            await change_password(services, CLIENT, viewer, PASSWORD, NEW_PASSWORD)
            await set_password_back(services, viewer)

        assert await count_rows(services, models.Session) == 1


async def set_password_back(services: Services, viewer: Viewer) -> None:
    """Change the password back in the same session."""
    await change_password(services, CLIENT, viewer, NEW_PASSWORD, PASSWORD)


async def test_browser_takes_part_by_its_transport(services: Services, member: models.User) -> None:
    """The resolver asks for a token; the use case returns it for the cookie."""
    answer = await log_in(services, CLIENT, member.email, PASSWORD, SessionTransport.COOKIE, WANTS_TOKEN)

    assert isinstance(answer, LoggedIn)
    assert answer.device.tokens == (answer.device.new_token,)


class TestPasswordWarning:
    async def test_owner_hears_when_strangers_have_to_wait_an_hour(
        self, services: Services, clock: Clock, member: models.User
    ) -> None:
        """Wrong passwords never lock an account. The owner gets one email a day at most."""
        await let_strangers_fail(services, clock, member.email, attempts=17)
        assert await emails_of(services, "password_warning") == []

        await let_strangers_fail(services, clock, member.email, attempts=20)

        (email,) = await emails_of(services, "password_warning")
        assert email.facts["ip_address"] == STRANGER.ip_address

        clock.advance(timedelta(days=1))
        await let_strangers_fail(services, clock, member.email, attempts=2)

        assert len(await emails_of(services, "password_warning")) == 2

    async def test_unknown_email_gets_none(self, services: Services, clock: Clock) -> None:
        """The server has no user to write to, and answers all the same."""
        await let_strangers_fail(services, clock, "unknown@acme.example", attempts=40)

        assert await emails_of(services, "password_warning") == []
