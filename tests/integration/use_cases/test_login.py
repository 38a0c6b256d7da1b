"""Sign-in: a password, then an OTP or a backup code, each with an attempt limit for the account."""

import base64
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from structlog.testing import capture_logs

import models
from accounts.errors import SecondFactorLockedError, WrongEmailOrPasswordError, WrongPasswordError
from accounts.passwords import change_password
from accounts.permissions import Viewer
from accounts.security_policy import update_security_policy
from accounts.services import Client, Services
from accounts.sessions import LoggedIn, authenticate
from accounts.users import NewUser, create_user, delete_user, disable_user, enable_user, set_password, set_role
from models import Role, SecondFactorMethod, SecurityEventKind, SessionTransport
from security.constants import CHALLENGES_PER_USER, PASSWORD_MAX_LENGTH
from security.errors import OverloadedError, TooManyAttemptsError
from security.fair_queue import FairQueue
from security.password_hashing import HashingPool
from tests.integration.use_cases.helpers import (
    CLIENT,
    TOKEN,
    Enrolled,
    SideEffects,
    account_rows,
    before_hashing,
    count_rows,
    emails_of,
    enrol,
    events_of,
    new_challenge,
    raises,
    sign_in,
    sign_in_with_otp,
    start_sign_in,
    verify_backup_code,
    verify_otp,
    viewer_of,
)
from tests.support.attempts import set_attempt_count
from tests.support.authenticator import Authenticator
from tests.support.clock import TIME_STEP, Clock
from tests.support.factories import insert_replacement
from tests.support.parameter_ids import printable_id
from tests.support.users import (
    NEW_PASSWORD,
    PASSWORD,
    WRONG_BACKUP_CODE,
    WRONG_PASSWORD,
    insert_user,
    set_security_policy,
)
from twofactor.activation import acknowledge_backup_codes, start_activation
from twofactor.confirmation import confirm_otp
from twofactor.errors import ActivationExpiredError, ChallengeExpiredError, WrongSecondFactorError
from twofactor.factors.backup_codes import regenerate_backup_codes
from twofactor.login import log_in
from twofactor.removal import deactivate, reset_by_admin
from twofactor.second_factor import verify_login

Event = SecurityEventKind

# The waits in seconds. Each one is twice the one before, up to one hour.
WAITS = [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)


async def fail_password(services: Services, email: str) -> None:
    """Try to sign in with a wrong password."""
    await raises(log_in(services, CLIENT, email, WRONG_PASSWORD, TOKEN), WrongEmailOrPasswordError)


class TestLogIn:
    async def test_password_starts_a_session_without_2fa(
        self, services: Services, member: models.User, side_effects: SideEffects
    ) -> None:
        """The session has the IP address and the user agent of the client."""
        answer = await log_in(services, CLIENT, member.email, PASSWORD, SessionTransport.COOKIE)

        assert isinstance(answer, LoggedIn)
        assert answer.transport is SessionTransport.COOKIE
        assert answer.viewer.last_login_at == services.now()
        viewer = await viewer_of(services, answer)
        assert viewer.user == answer.viewer
        assert (viewer.session.ip_address, viewer.session.user_agent) == (CLIENT.ip_address, CLIENT.user_agent)
        assert viewer.session.second_factor is None
        assert await side_effects.new() == side_effects.expected(Event.LOGIN_SUCCEEDED)

    async def test_email_is_case_insensitive(self, services: Services, member: models.User) -> None:
        """An email in upper case finds the same user."""
        assert (await sign_in(services, member.email.upper())).user.id == member.id

    @pytest.mark.parametrize("email", ["anna@bücher.example", "anna@xn--bcher-kva.example"])
    async def test_both_spellings_of_a_domain_are_one_email(
        self, services: Services, company: models.Company, password_hash: str, email: str
    ) -> None:
        """Browsers send the domain in ASCII. The user keeps the spelling that was entered."""
        created = await create_user(services, company.id, NewUser(email, "Anna", password_hash=password_hash))

        for spelling in ("Anna@bücher.example", "anna@BU\u0308CHER.example", "anna@xn--bcher-kva.example"):
            viewer = await sign_in(services, spelling)
            assert (viewer.user.id, viewer.user.email) == (created.id, email)

    @pytest.mark.parametrize(
        ("email", "others"),
        [("anna@straße.example", ["anna@strasse.example"]), ("straße@acme.example", ["strasse@acme.example"])],
    )
    async def test_sharp_s_is_not_ss(
        self, services: Services, company: models.Company, password_hash: str, email: str, others: list[str]
    ) -> None:
        """They are different domains and mailboxes (RFC 5891, RFC 6530)."""
        for each in (email, *others):
            await create_user(services, company.id, NewUser(each, "Anna", password_hash=password_hash))

        assert [(await sign_in(services, each)).user.email for each in (email, *others)] == [email, *others]

    @pytest.mark.parametrize(
        "email",
        ["a\u200b@acme.example", "a@💩.example", "a@example..com", "a@acme.example.", "李" * 64 + "@" + "例" * 180],
        ids=ascii,
    )
    async def test_users_from_before_the_rules_of_emails_log_in(
        self, services: Services, company: models.Company, password_hash: str, email: str
    ) -> None:
        """No new user can get such an email."""
        async with services.database.transaction():
            await insert_user(
                company.id, email, "Anna", role=Role.MEMBER, password_hash=password_hash, now=services.now()
            )

        assert (await sign_in(services, email)).user.email == email

    async def test_password_is_compared_exactly(self, services: Services, member: models.User) -> None:
        """Case and surrounding spaces make a difference (ASVS 6.2.8)."""
        for other in (PASSWORD.upper(), f" {PASSWORD}", f"{PASSWORD} "):
            await raises(log_in(services, CLIENT, member.email, other, TOKEN), WrongEmailOrPasswordError)

    async def test_old_password_works(self, services: Services, clock: Clock, member: models.User) -> None:
        """A password does not expire (ASVS 6.2.10)."""
        clock.advance(timedelta(days=3650))

        await sign_in(services, member.email)

    async def test_password_of_the_operator_does_not_replace_the_second_factor(
        self, services: Services, member: models.User, enrolled: Enrolled
    ) -> None:
        """After the reset of a forgotten password, 2FA is still active (ASVS 6.4.3)."""
        await set_password(services, member.id, NEW_PASSWORD)

        challenge = await new_challenge(services, member.email, NEW_PASSWORD)

        await verify_otp(services, challenge, enrolled.authenticator.otp(services.now()))

    async def test_first_sign_in_sets_the_language(self, services: Services, member: models.User) -> None:
        """Emails to the user are in this language. Later clients do not change it."""
        assert (await sign_in(services, member.email)).user.locale == "de"

        later = await sign_in(services, member.email, client=Client(locale="en"))

        assert later.user.locale == "de"

    async def test_language_is_open_until_a_client_asks_for_one(self, services: Services, member: models.User) -> None:
        """A client without `Accept-Language`, or with a language that emails do not have, decides nothing."""
        first = await sign_in(services, member.email, client=Client())
        async with services.database.reading():
            stored = await models.User.get(id=member.id)

        second = await sign_in(services, member.email)

        assert (first.user.locale, stored.locale, second.user.locale) == ("en", None, "de")

    async def test_password_opens_a_challenge_with_2fa(
        self, services: Services, member: models.User, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """Before the second factor there is no session and no session token."""
        sessions = await count_rows(services, models.Session)
        await side_effects.new()

        challenge = await start_sign_in(services, member.email)

        assert challenge.methods == (SecondFactorMethod.OTP, SecondFactorMethod.BACKUP_CODE)
        assert challenge.expires_at == services.now() + timedelta(minutes=5)
        assert await count_rows(services, models.Session) == sessions
        assert await authenticate(services, challenge.challenge_token) is None
        assert await side_effects.new() == side_effects.expected(Event.SECOND_FACTOR_REQUIRED)

    async def test_offers_backup_codes_only_if_there_are_any(
        self, services: Services, company: models.Company, member: models.User, enrolled: Enrolled
    ) -> None:
        """`methods` has no `BACKUP_CODE` while backup codes are off, or if no code is left."""
        await set_security_policy(services.database, company, backup_codes_enabled=False)
        assert (await start_sign_in(services, member.email)).methods == (SecondFactorMethod.OTP,)

        await set_security_policy(services.database, company, backup_codes_enabled=True)
        async with services.database.transaction():
            await models.User.filter(id=member.id).update(backup_codes_remaining=0)
        assert (await start_sign_in(services, member.email)).methods == (SecondFactorMethod.OTP,)

    @pytest.mark.attack("G1")
    async def test_unknown_email_and_wrong_password_return_the_same_error(
        self, services: Services, member: models.User, side_effects: SideEffects
    ) -> None:
        """Neither the error nor the wait reveals whether an account exists."""
        waits = {}
        for email in (member.email, "unknown@acme.example"):
            for _ in range(5):
                error = await raises(log_in(services, CLIENT, email, WRONG_PASSWORD, TOKEN), WrongEmailOrPasswordError)
                assert (error.attempts_remaining, error.was_checked) == (None, True)
            waits[email] = (
                await raises(log_in(services, CLIENT, email, PASSWORD, TOKEN), TooManyAttemptsError)
            ).retry_at

        assert len(set(waits.values())) == 1
        assert await side_effects.new() == side_effects.expected(*[Event.LOGIN_FAILED] * 10, Event.LOCKED, Event.LOCKED)
        events = await events_of(services, Event.LOGIN_FAILED)
        assert [event.user_id for event in events].count(member.id) == 5
        assert [(event.user_id, event.company_id) for event in events].count((None, None)) == 5

    async def test_waits_double_up_to_an_hour_after_five_failures(
        self, services: Services, clock: Clock, member: models.User
    ) -> None:
        """The first wait is 30 seconds."""
        for _ in range(5):
            await fail_password(services, member.email)
        for wait in WAITS:
            error = await raises(log_in(services, CLIENT, member.email, PASSWORD, TOKEN), TooManyAttemptsError)
            assert error.retry_at == clock.now + timedelta(seconds=wait)
            clock.advance(timedelta(seconds=wait) - MICROSECOND)
            await raises(log_in(services, CLIENT, member.email, PASSWORD, TOKEN), TooManyAttemptsError)
            clock.advance(MICROSECOND)
            await fail_password(services, member.email)

    async def test_password_is_never_locked(self, services: Services, clock: Clock, member: models.User) -> None:
        """After 10,000 failures the right password works after one hour, and resets the count."""
        await fail_password(services, member.email)
        async with services.database.transaction():
            await models.AttemptCount.all().update(failures=10_000, failures_since_sign_in=10_000)
        clock.advance(timedelta(hours=1) - MICROSECOND)
        await raises(log_in(services, CLIENT, member.email, PASSWORD, TOKEN), TooManyAttemptsError)
        clock.advance(MICROSECOND)

        await sign_in(services, member.email)

        for _ in range(5):
            await fail_password(services, member.email)

    async def test_retry_at_is_rounded_up_to_a_whole_second(
        self, services: Services, clock: Clock, member: models.User
    ) -> None:
        """A client that retries at `retry_at` is not too early."""
        clock.advance(timedelta(milliseconds=1))
        for _ in range(5):
            await fail_password(services, member.email)

        error = await raises(log_in(services, CLIENT, member.email, PASSWORD, TOKEN), TooManyAttemptsError)

        assert error.retry_at == clock.now.replace(microsecond=0) + timedelta(seconds=31)
        clock.now = error.retry_at
        await sign_in(services, member.email)

    async def test_checks_and_records_nothing_during_a_wait(
        self, services: Services, member: models.User, side_effects: SideEffects
    ) -> None:
        """A right and a wrong password get the same error, with the same `retry_at`."""
        for _ in range(5):
            await fail_password(services, member.email)
        await side_effects.new()

        right = await raises(log_in(services, CLIENT, member.email, PASSWORD, TOKEN), TooManyAttemptsError)
        wrong = await raises(log_in(services, CLIENT, member.email, WRONG_PASSWORD, TOKEN), TooManyAttemptsError)

        assert right.retry_at == wrong.retry_at
        assert await side_effects.new() == []

    @pytest.mark.parametrize(
        "password", ["", "x" * (PASSWORD_MAX_LENGTH + 1), "\ud800"], ids=["empty", "too long", "lone surrogate"]
    )
    async def test_malformed_password_uses_no_attempt(
        self, services: Services, member: models.User, side_effects: SideEffects, password: str
    ) -> None:
        """The error is that of a wrong password. The server computes no hash and records no event."""
        for _ in range(6):
            error = await raises(log_in(services, CLIENT, member.email, password, TOKEN), WrongEmailOrPasswordError)
            assert not error.was_checked

        await sign_in(services, member.email)
        assert await side_effects.new() == side_effects.expected(Event.LOGIN_SUCCEEDED)

    @pytest.mark.parametrize(
        "email", ["", "not an email", "a@b\0c", "x" * 300 + "@acme.example", "\ud800@acme.example"]
    )
    async def test_malformed_email_returns_the_error_of_an_unknown_one(self, services: Services, email: str) -> None:
        """This includes NUL, lone surrogates and emails that are too long."""
        await raises(log_in(services, CLIENT, email, PASSWORD, TOKEN), WrongEmailOrPasswordError)

    async def test_disabled_user_gets_the_error_of_a_wrong_password(
        self, services: Services, member: models.User, side_effects: SideEffects
    ) -> None:
        """The same password works when the user is enabled again."""
        await disable_user(services, member.id)
        await raises(log_in(services, CLIENT, member.email, PASSWORD, TOKEN), WrongEmailOrPasswordError)
        expected = side_effects.expected(Event.USER_DISABLED, "user_disabled", Event.LOGIN_FAILED)
        assert await side_effects.new() == expected

        await enable_user(services, member.id)
        await sign_in(services, member.email)

    @pytest.mark.attack("C8")
    async def test_user_deleted_during_hashing_gets_the_error_of_an_unknown_one(
        self, services: Services, member: models.User, side_effects: SideEffects
    ) -> None:
        """The deletion comes after the server reserved the attempt, and before it checks the password."""
        with before_hashing(services, lambda: delete_user(services, member.id)) as hooked:
            await raises(log_in(hooked, CLIENT, member.email, PASSWORD, TOKEN), WrongEmailOrPasswordError)

        assert await side_effects.new() == side_effects.expected(Event.USER_DELETED, Event.LOGIN_FAILED)

    async def test_full_hashing_pool_uses_no_attempt(
        self, services: Services, member: models.User, side_effects: SideEffects
    ) -> None:
        """The server checks and counts nothing. The client can retry after one second."""
        pool = HashingPool(workers=1, queue=FairQueue(places=0, max_waiting=0))
        for _ in range(6):
            error = await raises(
                log_in(replace(services, hashing=pool), CLIENT, member.email, WRONG_PASSWORD, TOKEN), OverloadedError
            )
            assert error.retry_after_s == 1
        pool.close()

        assert await count_rows(services, models.AttemptCount) == 0
        assert await side_effects.new() == []

    @pytest.mark.attack("C10")
    async def test_keeps_the_newest_hundred_challenges(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """A new challenge deletes the oldest ones of the user."""
        async with services.database.transaction():
            await models.Challenge.bulk_create(
                models.Challenge(
                    token_hash=f"{number:064}",
                    user_id=member.id,
                    transport=TOKEN,
                    created_at=clock.now - timedelta(seconds=200 - number),
                    expires_at=clock.now + timedelta(minutes=1),
                )
                for number in range(150)
            )

        newest = await new_challenge(services, member.email)

        assert await count_rows(services, models.Challenge) == CHALLENGES_PER_USER
        assert await count_rows(services, models.Challenge, token_hash=f"{149:064}") == 1
        assert await count_rows(services, models.Challenge, token_hash=f"{0:064}") == 0
        await verify_otp(services, newest, enrolled.authenticator.otp(clock.now))


class TestVerifyLoginWithOtp:
    async def test_right_otp_completes_the_sign_in(
        self, services: Services, member: models.User, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """The session and the audit event have `OTP` as the second factor."""
        challenge = await new_challenge(services, member.email)
        await side_effects.new()

        answer = await verify_otp(services, challenge, enrolled.authenticator.otp(services.now()))

        assert answer.session.second_factor is SecondFactorMethod.OTP
        assert answer.viewer.two_factor.last_used_at == services.now()
        assert answer.viewer.two_factor.backup_codes_remaining == 10
        assert (await viewer_of(services, answer)).user == answer.viewer
        assert await side_effects.new() == side_effects.expected(Event.LOGIN_SUCCEEDED)
        assert (await events_of(services, Event.LOGIN_SUCCEEDED))[-1].note == "OTP"

    async def test_uses_the_transport_of_the_first_step(
        self, services: Services, member: models.User, enrolled: Enrolled
    ) -> None:
        """The client chooses a cookie or a token when it sends the password."""
        challenge = await log_in(services, CLIENT, member.email, PASSWORD, SessionTransport.COOKIE)
        assert not isinstance(challenge, LoggedIn)

        answer = await verify_otp(services, challenge.challenge_token, enrolled.authenticator.otp(services.now()))

        assert answer.transport is SessionTransport.COOKIE

    @pytest.mark.attack("A1", "C3")
    async def test_otp_works_once(
        self, services: Services, member: models.User, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """In another challenge it is a wrong OTP: it uses one attempt and is recorded."""
        otp = enrolled.authenticator.otp(services.now())
        used, other = await new_challenge(services, member.email), await new_challenge(services, member.email)
        await verify_otp(services, used, otp)
        await side_effects.new()

        await raises(verify_otp(services, used, otp), ChallengeExpiredError)
        error = await raises(verify_otp(services, other, otp), WrongSecondFactorError)

        assert error.attempts_remaining == 4
        assert await side_effects.new() == side_effects.expected(Event.SECOND_FACTOR_FAILED)

    @pytest.mark.attack("A2")
    async def test_rejects_an_otp_older_than_a_used_one(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """The time step of an accepted OTP can only increase."""
        older = enrolled.authenticator.otp(clock.now)
        newer = enrolled.authenticator.otp(clock.advance(TIME_STEP))
        await verify_otp(services, await new_challenge(services, member.email), newer)

        await raises(verify_otp(services, await new_challenge(services, member.email), older), WrongSecondFactorError)

    @pytest.mark.attack("A4", "A9")
    @pytest.mark.parametrize(
        ("drift", "accepted"), [(-3, False), (-2, False), (-1, True), (0, True), (1, True), (2, False), (3, False)]
    )
    @pytest.mark.parametrize("offset", [timedelta(0), timedelta(seconds=30) - MICROSECOND])
    async def test_accepts_one_time_step_of_drift(
        self,
        services: Services,
        clock: Clock,
        member: models.User,
        enrolled: Enrolled,
        drift: int,
        accepted: bool,  # noqa: FBT001  # a parameter of the test
        offset: timedelta,
    ) -> None:
        """An OTP of two steps away is rejected. This is tested at both ends of a time step."""
        clock.advance(timedelta(minutes=5))
        step_start = clock.now.replace(second=clock.now.second // 30 * 30)
        clock.now = step_start + offset
        challenge = await new_challenge(services, member.email)

        attempt = verify_otp(services, challenge, enrolled.authenticator.otp(step_start + drift * TIME_STEP))

        if accepted:
            await attempt
        else:
            await raises(attempt, WrongSecondFactorError)

    @pytest.mark.attack("A5")
    async def test_rejects_the_otp_of_the_activation(
        self, services: Services, clock: Clock, member: models.User, viewer: Viewer
    ) -> None:
        """The activation already used it."""
        enrolled = await enrol(services, clock, viewer)

        replay = verify_otp(
            services, await new_challenge(services, member.email), enrolled.authenticator.otp(clock.now - TIME_STEP)
        )

        await raises(replay, WrongSecondFactorError)

    @pytest.mark.attack("A6")
    async def test_same_digits_in_two_time_steps_work_once(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """The server takes the newer step, so the older one is used as well."""
        # Found by search: this secret has the same OTP at this time and 30 seconds later.
        secret, time, otp = (44_398).to_bytes(20, "big"), datetime(2026, 12, 1, tzinfo=UTC), "528130"
        authenticator = Authenticator(base64.b32encode(secret).decode())
        assert authenticator.otp(time) == authenticator.otp(time + TIME_STEP) == otp
        encrypted = services.encrypt(secret, member.id)
        async with services.database.transaction():
            await models.Authenticator.filter(user_id=member.id).update(
                encrypted_secret=encrypted.ciphertext, key_id=encrypted.key_id
            )
        clock.now = time
        challenges = [await new_challenge(services, member.email) for _ in range(2)]

        await verify_otp(services, challenges[0], otp)

        async with services.database.reading():
            assert (await models.Authenticator.get(user_id=member.id)).last_step == int(time.timestamp()) // 30 + 1
        clock.advance(TIME_STEP)
        await raises(verify_otp(services, challenges[1], otp), WrongSecondFactorError)

    @pytest.mark.attack("A10")
    async def test_clock_that_goes_back_allows_no_replay(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """If the clock goes back ten minutes, used time steps stay used. Waits get at most ten minutes longer."""
        await sign_in_with_otp(services, member.email, enrolled.authenticator)
        waiting = await new_challenge(services, member.email)
        for _ in range(5):
            await raises(
                verify_otp(services, waiting, enrolled.authenticator.wrong_otp(clock.now)), WrongSecondFactorError
            )
        clock.advance(timedelta(minutes=-10))

        challenge = await new_challenge(services, member.email)
        error = await raises(
            verify_otp(services, challenge, enrolled.authenticator.otp(clock.now)), TooManyAttemptsError
        )
        assert error.retry_at == clock.now + timedelta(minutes=10, seconds=30)

        clock.now = error.retry_at - timedelta(minutes=1)
        other = await verify_backup_code(services, await new_challenge(services, member.email), enrolled.codes[0])
        assert await authenticate(services, other.token)
        # This is the time step that was used before the clock went back.
        clock.advance(timedelta(seconds=30))
        async with services.database.transaction():
            await models.AttemptCount.all().delete()
        challenge = await new_challenge(services, member.email)
        await raises(
            verify_otp(services, challenge, enrolled.authenticator.otp(clock.now - timedelta(minutes=1))),
            WrongSecondFactorError,
        )

    @pytest.mark.attack("A11")
    @pytest.mark.parametrize("year", [1970, 2027, 9998])
    async def test_clock_far_off_causes_no_error(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled, year: int
    ) -> None:
        """At the epoch, a year ahead and in 9998 nothing overflows, and expired challenges stay expired."""
        challenge = await new_challenge(services, member.email)
        viewer = await sign_in_with_otp(services, member.email, enrolled.authenticator)
        clock.now = clock.now.replace(year=year, month=1, day=1, hour=0, minute=0, second=1)

        if year > 2026:
            await raises(verify_otp(services, challenge, enrolled.authenticator.otp(clock.now)), ChallengeExpiredError)
            assert (await sign_in_with_otp(services, member.email, enrolled.authenticator)).user.id == viewer.user.id
        else:
            # At the epoch no OTP can be newer than the used one.
            await raises(
                verify_otp(services, await new_challenge(services, member.email), "000000"), WrongSecondFactorError
            )

    @pytest.mark.attack("A7")
    @pytest.mark.parametrize(
        "otp",
        [
            "",
            "12345",
            "1234567",
            "12345a",
            "١٢٣٤٥٦",
            "²23456",
            "1. 123456",
            "+123456",
            "\ud80012345",
            "1" * 10_000_000,
        ],
        ids=printable_id,
    )
    async def test_malformed_otp_uses_no_attempt(
        self, services: Services, member: models.User, enrolled: Enrolled, side_effects: SideEffects, otp: str
    ) -> None:
        """Only six ASCII digits are checked. Other input gets the error of a wrong OTP."""
        challenge = await new_challenge(services, member.email)
        await side_effects.new()
        before = await account_rows(services)

        for _ in range(6):
            error = await raises(verify_otp(services, challenge, otp), WrongSecondFactorError)
            assert (error.attempts_remaining, error.was_checked) == (5, False)

        assert await count_rows(services, models.AttemptCount, factor=SecondFactorMethod.OTP) == 0
        assert await account_rows(services) == before
        assert await side_effects.new() == []

    @pytest.mark.attack("C2")
    async def test_otp_of_another_user_is_wrong(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled, admin_viewer: Viewer
    ) -> None:
        """The failure counts for the owner of the challenge."""
        other = await enrol(services, clock, admin_viewer)

        challenge = await new_challenge(services, member.email)
        error = await raises(
            verify_otp(services, challenge, other.authenticator.otp(clock.now)), WrongSecondFactorError
        )

        assert error.attempts_remaining == 4
        assert await count_rows(services, models.AttemptCount, subject=member.id.hex, failures=1) == 1
        assert await count_rows(services, models.AttemptCount, subject=admin_viewer.user.id.hex, failures__gt=0) == 0

    @pytest.mark.attack("K6")
    @pytest.mark.parametrize(
        ("changed", "key_id", "reason"),
        [({"encrypted_secret": bytes(48)}, "now", "ciphertext_changed"), ({"key_id": "lost"}, "lost", "key_missing")],
    )
    async def test_rejects_every_otp_if_the_secret_cannot_be_decrypted(
        self,
        services: Services,
        clock: Clock,
        member: models.User,
        enrolled: Enrolled,
        admin_viewer: Viewer,
        side_effects: SideEffects,
        *,
        changed: dict[str, object],
        key_id: str,
        reason: str,
    ) -> None:
        """It counts as a wrong OTP. The log has one line. Backup codes work, and so do the OTPs of other users."""
        other = await enrol(services, clock, admin_viewer)
        async with services.database.transaction():
            await models.Authenticator.filter(user_id=member.id).update(**changed)
        challenge = await new_challenge(services, member.email)
        await side_effects.new()

        with capture_logs() as logs:
            await raises(verify_otp(services, challenge, enrolled.authenticator.otp(clock.now)), WrongSecondFactorError)

        assert await side_effects.new() == side_effects.expected(Event.SECOND_FACTOR_FAILED)
        assert [line for line in logs if line["event"] != "audit_event"] == [
            {
                "event": "totp_secret_decryption_failed",
                "user_id": str(member.id),
                "key_id": key_id,
                "reason": reason,
                "log_level": "error",
            }
        ]
        await verify_backup_code(services, challenge, enrolled.codes[0])
        await sign_in_with_otp(services, other.viewer.user.email, other.authenticator)


class TestVerifyLoginWithBackupCode:
    @pytest.mark.attack("E1")
    async def test_backup_code_works_once(
        self, services: Services, member: models.User, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """Nine codes are left. One event and one email follow. A second use is a wrong code."""
        challenges = [await new_challenge(services, member.email) for _ in range(2)]
        await side_effects.new()

        answer = await verify_backup_code(services, challenges[0], enrolled.codes[3])

        assert answer.session.second_factor is SecondFactorMethod.BACKUP_CODE
        assert answer.viewer.two_factor.backup_codes_remaining == 9
        assert await count_rows(services, models.BackupCode, used_at__isnull=True) == 9
        assert await side_effects.new() == side_effects.expected(
            Event.LOGIN_SUCCEEDED, Event.BACKUP_CODE_USED, "backup_code_used"
        )
        [email] = await emails_of(services, "backup_code_used")
        assert (email.recipient_email, email.facts["remaining"]) == (member.email, 9)
        assert email.facts["ip_address"] == CLIENT.ip_address
        await raises(verify_backup_code(services, challenges[1], enrolled.codes[3]), WrongSecondFactorError)
        assert await side_effects.new() == side_effects.expected(Event.SECOND_FACTOR_FAILED)

    @pytest.mark.attack("E3")
    async def test_accepts_every_spelling_of_a_code(
        self, services: Services, member: models.User, enrolled: Enrolled
    ) -> None:
        """Case, spaces, dashes and the look-alikes of Crockford's base32 are ignored."""
        code = enrolled.codes[0]
        spelling = f" {code[:5].lower()}-{code[5:].lower()} ".replace("0", "o").replace("1", "l")

        await verify_backup_code(services, await new_challenge(services, member.email), spelling)

    @pytest.mark.attack("E5")
    async def test_all_ten_codes_work_and_an_email_warns_of_the_end(
        self, services: Services, member: models.User, enrolled: Enrolled
    ) -> None:
        """An email warns if two, one or no code is left. If no code is left, `methods` has no `BACKUP_CODE`."""
        for used, code in enumerate(enrolled.codes, start=1):
            challenge = await start_sign_in(services, member.email)
            assert SecondFactorMethod.BACKUP_CODE in challenge.methods
            answer = await verify_backup_code(services, challenge.challenge_token, code)
            assert answer.viewer.two_factor.backup_codes_remaining == 10 - used
            assert len(await emails_of(services, "backup_code_used")) == used
            assert len(await emails_of(services, "few_backup_codes_left")) == max(used - 7, 0)

        facts = [email.facts["remaining"] for email in await emails_of(services, "few_backup_codes_left")]
        assert sorted(facts) == [0, 1, 2]
        challenge = await start_sign_in(services, member.email)
        assert challenge.methods == (SecondFactorMethod.OTP,)
        for code in enrolled.codes[:2]:
            await raises(verify_backup_code(services, challenge.challenge_token, code), WrongSecondFactorError)

    @pytest.mark.attack("E4")
    async def test_code_of_another_user_is_wrong(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled, admin_viewer: Viewer
    ) -> None:
        """The code stays unused."""
        other = await enrol(services, clock, admin_viewer)

        challenge = await new_challenge(services, member.email)
        await raises(verify_backup_code(services, challenge, other.codes[0]), WrongSecondFactorError)

        assert await count_rows(services, models.BackupCode, used_at__isnull=False) == 0

    @pytest.mark.parametrize(
        "code", ["", "ABC", "U" * 10, "ABCDE FGHJKM", "\ud800" * 10, "é" * 10, "0" * 1_000_000], ids=printable_id
    )
    async def test_malformed_code_uses_no_attempt(
        self, services: Services, member: models.User, enrolled: Enrolled, side_effects: SideEffects, code: str
    ) -> None:
        """The error is that of a wrong code, and no event is recorded."""
        challenge = await new_challenge(services, member.email)
        await side_effects.new()

        for _ in range(6):
            error = await raises(verify_backup_code(services, challenge, code), WrongSecondFactorError)
            assert (error.attempts_remaining, error.was_checked) == (5, False)

        assert await count_rows(services, models.AttemptCount, factor=SecondFactorMethod.BACKUP_CODE) == 0
        assert await side_effects.new() == []

    async def test_malformed_code_has_to_wait_like_any_other(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """At the end of the wait it gets the error of a wrong code, and is not counted."""
        for _ in range(5):
            await raises(
                verify_backup_code(services, await new_challenge(services, member.email), WRONG_BACKUP_CODE),
                WrongSecondFactorError,
            )
        challenge = await new_challenge(services, member.email)
        error = await raises(verify_backup_code(services, challenge, "ABC"), TooManyAttemptsError)

        clock.now = error.retry_at - MICROSECOND
        await raises(verify_backup_code(services, challenge, "ABC"), TooManyAttemptsError)
        clock.now = error.retry_at
        assert (
            await raises(verify_backup_code(services, challenge, "ABC"), WrongSecondFactorError)
        ).attempts_remaining == 0

    async def test_two_users_sign_in_with_their_own_codes(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled, admin_viewer: Viewer
    ) -> None:
        """The age of the code sets makes no difference."""
        other = await enrol(services, clock, admin_viewer)

        await verify_backup_code(services, await new_challenge(services, admin_viewer.user.email), other.codes[0])
        await verify_backup_code(services, await new_challenge(services, member.email), enrolled.codes[0])

    async def test_every_code_is_wrong_if_the_user_has_none(
        self, services: Services, clock: Clock, company: models.Company, member: models.User, side_effects: SideEffects
    ) -> None:
        """The user activated 2FA while backup codes were off. The error is that of any wrong code."""
        await set_security_policy(services.database, company, backup_codes_enabled=False)
        await enrol(services, clock, await sign_in(services, member.email))
        challenge = await new_challenge(services, member.email)
        await side_effects.new()

        error = await raises(verify_backup_code(services, challenge, WRONG_BACKUP_CODE), WrongSecondFactorError)

        assert error.attempts_remaining == 4
        assert await side_effects.new() == side_effects.expected(Event.SECOND_FACTOR_FAILED)

    async def test_codes_do_not_work_while_backup_codes_are_off(
        self,
        services: Services,
        company: models.Company,
        member: models.User,
        enrolled: Enrolled,
        side_effects: SideEffects,
    ) -> None:
        """A right code gets the error of a wrong one and stays unused. It works when the flag is on again."""
        challenge = await new_challenge(services, member.email)
        await set_security_policy(services.database, company, backup_codes_enabled=False)
        await side_effects.new()

        await raises(verify_backup_code(services, challenge, enrolled.codes[0]), WrongSecondFactorError)

        assert await count_rows(services, models.BackupCode, used_at__isnull=True) == 10
        assert await side_effects.new() == side_effects.expected(Event.SECOND_FACTOR_FAILED)
        await set_security_policy(services.database, company, backup_codes_enabled=True)
        answer = await verify_backup_code(services, challenge, enrolled.codes[0])
        assert answer.viewer.two_factor.backup_codes_remaining == 9

    @pytest.mark.attack("E6")
    async def test_failed_commit_leaves_the_code_unused(
        self, services: Services, member: models.User, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """If the session cannot be inserted, no event or email follows, and the code still works."""
        challenge = await new_challenge(services, member.email)
        await side_effects.new()
        before = await account_rows(services)
        # No database can store a lone surrogate. So the insertion fails after the server marked the code as used.
        broken = Client(ip_address="\ud800")

        with pytest.raises(Exception, match="surrogates not allowed"):
            await verify_login(services, broken, challenge, kind="BACKUP_CODE", text=enrolled.codes[0])

        assert await account_rows(services) == before
        assert await side_effects.new() == []
        await verify_backup_code(services, challenge, enrolled.codes[0])


class TestSecondFactorErrors:
    @pytest.mark.attack("G3")
    async def test_wrong_expired_and_used_factors_return_the_same_error(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """Only the number of remaining attempts changes."""
        clock.advance(timedelta(minutes=10))
        await sign_in_with_otp(services, member.email, enrolled.authenticator)
        await verify_backup_code(services, await new_challenge(services, member.email), enrolled.codes[0])
        now = clock.now
        wrong = [
            enrolled.authenticator.otp(now),
            enrolled.authenticator.otp(now - 5 * TIME_STEP),
            enrolled.authenticator.wrong_otp(now),
        ]
        for attempt, otp in enumerate(wrong, start=1):
            error = await raises(
                verify_otp(services, await new_challenge(services, member.email), otp), WrongSecondFactorError
            )
            assert error.attempts_remaining == 5 - attempt
        for attempt, code in enumerate([enrolled.codes[0], WRONG_BACKUP_CODE], start=1):
            challenge = await new_challenge(services, member.email)
            error = await raises(verify_backup_code(services, challenge, code), WrongSecondFactorError)
            assert error.attempts_remaining == 5 - attempt

    @pytest.mark.attack("B4", "B7")
    async def test_new_challenge_or_address_does_not_reset_the_limit(
        self, services: Services, member: models.User, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """The limit belongs to the account. After five wrong OTPs every OTP has to wait."""
        wrong = enrolled.authenticator.wrong_otp(services.now())
        await side_effects.new()
        for remaining in (4, 3, 2, 1, 0):
            client = Client(ip_address=f"192.0.2.{remaining}")
            challenge = await new_challenge(services, member.email)
            attempt = verify_login(services, client, challenge, kind="OTP", text=wrong)
            assert (await raises(attempt, WrongSecondFactorError)).attempts_remaining == remaining

        challenge = await new_challenge(services, member.email)
        right = await raises(
            verify_otp(services, challenge, enrolled.authenticator.otp(services.now())), TooManyAttemptsError
        )
        wrong_again = await raises(verify_otp(services, challenge, wrong), TooManyAttemptsError)
        malformed = await raises(verify_otp(services, challenge, "not an OTP"), TooManyAttemptsError)

        assert right.retry_at == wrong_again.retry_at == malformed.retry_at == services.now() + timedelta(seconds=30)
        assert await side_effects.new() == side_effects.expected(
            *[Event.SECOND_FACTOR_REQUIRED] * 6,
            *[Event.SECOND_FACTOR_FAILED] * 5,
            Event.LOCKED,
            "second_factor_warning",
        )

    async def test_waits_double_up_to_an_hour(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """The first wait is 30 seconds, after five wrong OTPs."""
        challenge = await new_challenge(services, member.email)
        for _ in range(5):
            await raises(
                verify_otp(services, challenge, enrolled.authenticator.wrong_otp(clock.now)), WrongSecondFactorError
            )
        for wait in WAITS:
            challenge = await new_challenge(services, member.email)
            error = await raises(
                verify_otp(services, challenge, enrolled.authenticator.otp(clock.now)), TooManyAttemptsError
            )
            assert error.retry_at == clock.now + timedelta(seconds=wait)
            clock.now = error.retry_at - MICROSECOND
            challenge = await new_challenge(services, member.email)
            await raises(verify_otp(services, challenge, enrolled.authenticator.otp(clock.now)), TooManyAttemptsError)
            clock.advance(MICROSECOND)
            wrong = verify_otp(services, challenge, enrolled.authenticator.wrong_otp(clock.now))
            assert (await raises(wrong, WrongSecondFactorError)).attempts_remaining == 0

    async def test_challenge_stays_valid_during_a_wait(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """A challenge has no limit of its own. After the wait the right OTP works."""
        challenge = await new_challenge(services, member.email)
        for _ in range(5):
            await raises(
                verify_otp(services, challenge, enrolled.authenticator.wrong_otp(clock.now)), WrongSecondFactorError
            )
        clock.advance(timedelta(seconds=30))

        await verify_otp(services, challenge, enrolled.authenticator.otp(clock.now))

    @pytest.mark.attack("B6", "B8")
    async def test_each_factor_has_its_own_attempt_limit(
        self, services: Services, member: models.User, enrolled: Enrolled
    ) -> None:
        """Wrong OTPs use no attempts of backup codes, and wrong codes none of the password."""
        challenge = await new_challenge(services, member.email)
        for _ in range(5):
            await raises(
                verify_otp(services, challenge, enrolled.authenticator.wrong_otp(services.now())),
                WrongSecondFactorError,
            )
        error = await raises(verify_backup_code(services, challenge, WRONG_BACKUP_CODE), WrongSecondFactorError)
        assert error.attempts_remaining == 4
        await raises(verify_otp(services, challenge, enrolled.authenticator.otp(services.now())), TooManyAttemptsError)

        answer = await verify_backup_code(services, challenge, enrolled.codes[0])

        # A completed sign-in resets every factor that is not locked.
        await viewer_of(services, answer)
        assert await count_rows(services, models.AttemptCount, failures__gt=0) == 0
        assert await count_rows(services, models.AttemptCount, subject=member.id.hex, failures_since_sign_in__gt=0) == 0

    @pytest.mark.attack("B7")
    async def test_right_password_does_not_reset_the_second_factor(
        self, services: Services, member: models.User, enrolled: Enrolled
    ) -> None:
        """An attacker who has the password cannot get new attempts at the OTP."""
        challenge = await new_challenge(services, member.email)
        for _ in range(3):
            await raises(
                verify_otp(services, challenge, enrolled.authenticator.wrong_otp(services.now())),
                WrongSecondFactorError,
            )

        await new_challenge(services, member.email)
        await regenerate_backup_codes(services, CLIENT, enrolled.viewer, PASSWORD)

        challenge = await new_challenge(services, member.email)
        error = await raises(
            verify_otp(services, challenge, enrolled.authenticator.wrong_otp(services.now())), WrongSecondFactorError
        )
        assert error.attempts_remaining == 1

    @pytest.mark.attack("B7")
    async def test_sign_in_of_another_user_does_not_reset_the_limit(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled, admin_viewer: Viewer
    ) -> None:
        """Only a completed sign-in of the same account resets it."""
        other = await enrol(services, clock, admin_viewer)
        challenge = await new_challenge(services, member.email)
        await raises(
            verify_otp(services, challenge, enrolled.authenticator.wrong_otp(clock.now)), WrongSecondFactorError
        )

        await sign_in_with_otp(services, admin_viewer.user.email, other.authenticator)

        error = await raises(
            verify_otp(services, challenge, enrolled.authenticator.wrong_otp(clock.now)), WrongSecondFactorError
        )
        assert error.attempts_remaining == 3

    async def test_hundred_wrong_otps_lock_only_the_otp(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """The lock does not expire. Backup codes still work, but do not unlock the OTP."""
        await set_attempt_count(
            services.database,
            member.id,
            SecondFactorMethod.OTP,
            failures=98,
            since_sign_in=98,
            last=clock.now - timedelta(hours=1),
        )
        challenge = await new_challenge(services, member.email)
        await raises(
            verify_otp(services, challenge, enrolled.authenticator.wrong_otp(clock.now)), WrongSecondFactorError
        )
        clock.advance(timedelta(hours=1))
        challenge = await new_challenge(services, member.email)
        await side_effects.new()
        await raises(
            verify_otp(services, challenge, enrolled.authenticator.wrong_otp(clock.now)), WrongSecondFactorError
        )
        assert await side_effects.new() == side_effects.expected(Event.SECOND_FACTOR_FAILED, Event.LOCKED)

        for otp in (enrolled.authenticator.otp(clock.now), enrolled.authenticator.wrong_otp(clock.now), "not an OTP"):
            await raises(verify_otp(services, challenge, otp), SecondFactorLockedError)
        clock.advance(timedelta(days=400))
        challenge = await new_challenge(services, member.email)
        await raises(verify_otp(services, challenge, enrolled.authenticator.otp(clock.now)), SecondFactorLockedError)
        assert await side_effects.new() == side_effects.expected(Event.SECOND_FACTOR_REQUIRED)

        await raises(verify_backup_code(services, challenge, WRONG_BACKUP_CODE), WrongSecondFactorError)
        await verify_backup_code(services, challenge, enrolled.codes[0])
        challenge = await new_challenge(services, member.email)
        await raises(verify_otp(services, challenge, enrolled.authenticator.otp(clock.now)), SecondFactorLockedError)
        error = await raises(verify_backup_code(services, challenge, WRONG_BACKUP_CODE), WrongSecondFactorError)
        assert error.attempts_remaining == 4

    async def test_hundred_wrong_backup_codes_lock_only_backup_codes(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """OTPs still work, but do not unlock backup codes."""
        long_ago = clock.now - timedelta(hours=1)
        await set_attempt_count(
            services.database, member.id, SecondFactorMethod.BACKUP_CODE, failures=99, since_sign_in=99, last=long_ago
        )
        challenge = await new_challenge(services, member.email)
        await raises(verify_backup_code(services, challenge, WRONG_BACKUP_CODE), WrongSecondFactorError)

        await raises(verify_backup_code(services, challenge, enrolled.codes[0]), SecondFactorLockedError)
        await verify_otp(services, challenge, enrolled.authenticator.otp(clock.now))

        challenge = await new_challenge(services, member.email)
        await raises(verify_backup_code(services, challenge, enrolled.codes[0]), SecondFactorLockedError)

    async def test_completed_sign_in_resets_the_count_before_the_lock(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """After 99 failures and a sign-in the next failure is the first one."""
        await set_attempt_count(
            services.database,
            member.id,
            SecondFactorMethod.OTP,
            failures=99,
            since_sign_in=99,
            last=clock.now - timedelta(hours=1),
        )
        await sign_in_with_otp(services, member.email, enrolled.authenticator)

        challenge = await new_challenge(services, member.email)
        error = await raises(
            verify_otp(services, challenge, enrolled.authenticator.wrong_otp(clock.now)), WrongSecondFactorError
        )

        assert error.attempts_remaining == 4

    async def test_lock_is_reported_before_a_wait(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """The server checks the challenge first, then the lock, then the wait."""
        await set_attempt_count(
            services.database, member.id, SecondFactorMethod.OTP, failures=100, since_sign_in=100, last=clock.now
        )

        challenge = await new_challenge(services, member.email)

        await raises(verify_otp(services, challenge, enrolled.authenticator.otp(clock.now)), SecondFactorLockedError)
        clock.advance(timedelta(minutes=5))
        await raises(verify_otp(services, challenge, enrolled.authenticator.otp(clock.now)), ChallengeExpiredError)

    @pytest.mark.attack("J7")
    async def test_sends_at_most_one_warning_email_a_day(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """The email follows the fifth wrong second factor (ASVS 6.3.5)."""
        challenge = await new_challenge(services, member.email)
        for attempt in range(5):
            assert len(await emails_of(services, "second_factor_warning")) == 0, attempt
            await raises(
                verify_otp(services, challenge, enrolled.authenticator.wrong_otp(clock.now)), WrongSecondFactorError
            )
        [email] = await emails_of(services, "second_factor_warning")
        assert (email.facts["factor"], email.facts["locked"]) == ("OTP", False)
        warned_at = clock.now

        for moment, emails in ((timedelta(days=1) - SECOND, 1), (timedelta(days=1), 2)):
            clock.now = warned_at + moment
            await set_attempt_count(
                services.database, member.id, SecondFactorMethod.OTP, failures=9, since_sign_in=9, last=warned_at
            )
            challenge = await new_challenge(services, member.email)
            await raises(
                verify_otp(services, challenge, enrolled.authenticator.wrong_otp(clock.now)), WrongSecondFactorError
            )
            assert len(await emails_of(services, "second_factor_warning")) == emails

    @pytest.mark.attack("B8")
    async def test_failures_end_no_session(self, services: Services, member: models.User, enrolled: Enrolled) -> None:
        """An attacker who guesses cannot sign the user out."""
        before = await count_rows(services, models.Session, user_id=member.id)
        challenge = await new_challenge(services, member.email)
        for _ in range(5):
            await raises(
                verify_otp(services, challenge, enrolled.authenticator.wrong_otp(services.now())),
                WrongSecondFactorError,
            )

        assert await count_rows(services, models.Session, user_id=member.id) == before == 1


class TestChallenges:
    @pytest.mark.attack("C1")
    async def test_challenge_expires_after_five_minutes(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled, side_effects: SideEffects
    ) -> None:
        """One microsecond before that it works. After that nothing is counted or recorded."""
        first, second = await new_challenge(services, member.email), await new_challenge(services, member.email)
        clock.advance(timedelta(minutes=5) - MICROSECOND)
        await verify_otp(services, first, enrolled.authenticator.otp(clock.now))
        clock.advance(MICROSECOND)
        await side_effects.new()

        await raises(verify_backup_code(services, second, enrolled.codes[0]), ChallengeExpiredError)
        await raises(verify_otp(services, second, enrolled.authenticator.otp(clock.now)), ChallengeExpiredError)

        assert await side_effects.new() == []
        assert (
            await count_rows(services, models.AttemptCount, factor=SecondFactorMethod.BACKUP_CODE, failures__gt=0) == 0
        )

    @pytest.mark.attack("C3")
    async def test_challenge_works_once(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """Neither a new OTP nor a backup code starts a second session."""
        challenge = await new_challenge(services, member.email)
        await verify_otp(services, challenge, enrolled.authenticator.otp(clock.now))

        await raises(
            verify_otp(services, challenge, enrolled.authenticator.otp(clock.advance(TIME_STEP))), ChallengeExpiredError
        )
        await raises(verify_backup_code(services, challenge, enrolled.codes[0]), ChallengeExpiredError)

    @pytest.mark.attack("C11")
    async def test_two_challenges_of_one_user_both_work(
        self, services: Services, clock: Clock, member: models.User, enrolled: Enrolled
    ) -> None:
        """They share one attempt limit."""
        one, other = await new_challenge(services, member.email), await new_challenge(services, member.email)
        for challenge, remaining in ((one, 4), (other, 3)):
            attempt = verify_otp(services, challenge, enrolled.authenticator.wrong_otp(clock.now))
            assert (await raises(attempt, WrongSecondFactorError)).attempts_remaining == remaining

        await verify_otp(services, one, enrolled.authenticator.otp(clock.now))
        await verify_otp(services, other, enrolled.authenticator.otp(clock.advance(TIME_STEP)))

    @pytest.mark.attack("C5")
    async def test_token_works_only_for_its_own_purpose(
        self, services: Services, member: models.User, enrolled: Enrolled, admin_viewer: Viewer
    ) -> None:
        """No token works as another kind, with another prefix or without one."""
        session = (
            await verify_otp(
                services, await new_challenge(services, member.email), enrolled.authenticator.otp(services.now())
            )
        ).token
        challenge = await new_challenge(services, member.email)
        activation = (await start_activation(services, CLIENT, admin_viewer, PASSWORD)).activation_id
        async with services.database.transaction():
            replacement = await insert_replacement(admin_viewer.user.id, services.now())
        issued = (session, challenge, activation, replacement)
        kinds = ("cs_session_", "cs_challenge_", "cs_activation_", "cs_replacement_", "")
        random_parts = [token.removeprefix(kind) for token, kind in zip(issued, kinds[:4], strict=True)]
        assert len(set(random_parts)) == 4
        tokens = [kind + part for kind in kinds for part in random_parts]
        assert set(issued) < set(tokens)

        for token in tokens:
            assert (await authenticate(services, token) is not None) == (token == session)
            if token != challenge:
                await raises(
                    verify_otp(services, token, enrolled.authenticator.wrong_otp(services.now())), ChallengeExpiredError
                )
            if token != activation:
                await raises(confirm_otp(services, CLIENT, admin_viewer, token, "000000"), ActivationExpiredError)
            if token not in {activation, replacement}:
                await raises(acknowledge_backup_codes(services, CLIENT, admin_viewer, token), ActivationExpiredError)

    @pytest.mark.parametrize("token", ["", "cs_challenge_", "cs_challenge_" + "A" * 43, "\ud800", "x" * 1_000_000])
    async def test_forged_token_returns_the_error_of_an_expired_challenge(self, services: Services, token: str) -> None:
        """This includes empty and very long tokens."""
        await raises(verify_otp(services, token, "123456"), ChallengeExpiredError)
        await raises(verify_backup_code(services, token, WRONG_BACKUP_CODE), ChallengeExpiredError)


async def disable_and_enable(services: Services, user_id: UUID) -> None:
    """Disable a user and enable them again."""
    await disable_user(services, user_id)
    await enable_user(services, user_id)


# Each change by the member, by the admin or by the operator. The arguments are services, member and admin.
CHANGES: dict[str, Callable[[Services, Viewer, Viewer], Awaitable[object]]] = {
    "change password": lambda services, member, _: change_password(services, CLIENT, member, PASSWORD, NEW_PASSWORD),
    "operator sets password": lambda services, member, _: set_password(services, member.user.id, NEW_PASSWORD),
    "deactivate": lambda services, member, _: deactivate(services, CLIENT, member, PASSWORD),
    "reset": lambda services, member, admin: reset_by_admin(services, CLIENT, admin, member.user.id, PASSWORD, None),
    "regenerate": lambda services, member, _: regenerate_backup_codes(services, CLIENT, member, PASSWORD),
    "disable": lambda services, member, _: disable_user(services, member.user.id),
    "disable and enable": lambda services, member, _: disable_and_enable(services, member.user.id),
    "delete": lambda services, member, _: delete_user(services, member.user.id),
    "role": lambda services, member, _: set_role(services, member.user.id, models.Role.ADMIN),
}


class TestAccountChanges:
    @pytest.mark.attack("C4", "C8")
    @pytest.mark.parametrize("change", CHANGES)
    async def test_account_change_ends_open_challenges(
        self, services: Services, clock: Clock, enrolled: Enrolled, admin_viewer: Viewer, change: str
    ) -> None:
        """After a change of password, 2FA, role or account no factor works in the challenge.

        New backup codes that wait for the acknowledgement are deleted.
        """
        challenge = await new_challenge(services, enrolled.viewer.user.email)
        async with services.database.transaction():
            await insert_replacement(enrolled.viewer.user.id, clock.now)

        await CHANGES[change](services, enrolled.viewer, admin_viewer)

        assert await count_rows(services, models.BackupCodeReplacement) == 0
        await raises(verify_otp(services, challenge, enrolled.authenticator.otp(clock.now)), ChallengeExpiredError)
        await raises(verify_backup_code(services, challenge, enrolled.codes[0]), ChallengeExpiredError)

    @pytest.mark.attack("C4")
    async def test_new_enrolment_does_not_restore_a_challenge(
        self, services: Services, clock: Clock, enrolled: Enrolled
    ) -> None:
        """The deactivation ended the challenge. It does not accept the new OTPs and codes."""
        challenge = await new_challenge(services, enrolled.viewer.user.email)
        await deactivate(services, CLIENT, enrolled.viewer, PASSWORD)
        again = await enrol(services, clock, enrolled.viewer)

        await raises(verify_otp(services, challenge, again.authenticator.otp(clock.now)), ChallengeExpiredError)
        await raises(verify_backup_code(services, challenge, again.codes[0]), ChallengeExpiredError)

    async def test_policy_change_ends_no_challenge(
        self, services: Services, member: models.User, enrolled: Enrolled, admin_viewer: Viewer
    ) -> None:
        """The server reads the policy again at each commit."""
        challenge = await new_challenge(services, member.email)
        await update_security_policy(
            services, CLIENT, admin_viewer, PASSWORD, two_factor_enforced=True, backup_codes_enabled=False
        )

        await raises(verify_backup_code(services, challenge, enrolled.codes[0]), WrongSecondFactorError)
        await verify_otp(services, challenge, enrolled.authenticator.otp(services.now()))

    @pytest.mark.attack("I8")
    async def test_policy_of_the_current_company_applies(
        self,
        services: Services,
        member: models.User,
        enrolled: Enrolled,
        other_company: models.Company,
    ) -> None:
        """If a user moves to another company account during the sign-in, its policy applies."""
        challenge = await new_challenge(services, member.email)
        await set_security_policy(
            services.database, other_company, backup_codes_enabled=False, two_factor_enforced=True
        )
        async with services.database.transaction():
            await models.User.filter(id=member.id).update(company_id=other_company.id)

        await raises(verify_backup_code(services, challenge, enrolled.codes[0]), WrongSecondFactorError)
        answer = await verify_otp(services, challenge, enrolled.authenticator.otp(services.now()))

        assert answer.viewer.company.id == other_company.id
        assert answer.viewer.two_factor.is_enforced(services.now())
        assert answer.viewer.two_factor.backup_codes_remaining is None


class TestPasswordAttemptLimit:
    @pytest.mark.attack("B13", "D11")
    async def test_login_and_reauthentication_have_limits_of_their_own(
        self, services: Services, member: models.User, viewer: Viewer, side_effects: SideEffects
    ) -> None:
        """A stranger who uses up the attempts of the email does not stop the changes of a live session."""
        await side_effects.new()
        for _ in range(5):
            await fail_password(services, member.email)
        await raises(log_in(services, CLIENT, member.email, PASSWORD, TOKEN), TooManyAttemptsError)
        error = await raises(start_activation(services, CLIENT, viewer, WRONG_PASSWORD), WrongPasswordError)
        assert error.attempts_remaining == 4
        for _ in range(4):
            await raises(deactivate(services, CLIENT, viewer, WRONG_PASSWORD), WrongPasswordError)

        for attempt in (
            start_activation(services, CLIENT, viewer, PASSWORD),
            deactivate(services, CLIENT, viewer, PASSWORD),
            regenerate_backup_codes(services, CLIENT, viewer, PASSWORD),
            change_password(services, CLIENT, viewer, PASSWORD, NEW_PASSWORD),
        ):
            await raises(attempt, TooManyAttemptsError)
        assert await side_effects.new() == side_effects.expected(
            *[Event.LOGIN_FAILED] * 5, *[Event.REAUTHENTICATION_FAILED] * 5, *[Event.LOCKED] * 2
        )

    async def test_right_password_resets_the_count(self, services: Services, viewer: Viewer) -> None:
        """Four failures and a right password can repeat without a wait."""
        for _ in range(3):
            for _ in range(4):
                await raises(deactivate(services, CLIENT, viewer, WRONG_PASSWORD), WrongPasswordError)
            await start_activation(services, CLIENT, viewer, PASSWORD)


def test_authenticator_of_the_tests_is_independent() -> None:
    """It matches RFC 6238, appendix B, so tests and product cannot have the same mistake."""
    key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

    assert Authenticator(key).otp(Clock().now.fromtimestamp(1_111_111_109, tz=Clock().now.tzinfo)) == "081804"


@pytest.mark.attack("K8")
async def test_restored_backup_revives_a_used_code_but_no_used_otp(
    services: Services, clock: Clock, member: models.User, enrolled: Enrolled
) -> None:
    """The backup does not contain later uses. A used OTP has expired by then."""
    clock.advance(TIME_STEP)
    spent_otp = enrolled.authenticator.otp(services.now())
    async with services.database.reading():
        backup = await models.Authenticator.get(user_id=member.id)
    await verify_otp(services, await new_challenge(services, member.email), spent_otp)
    await verify_backup_code(services, await new_challenge(services, member.email), enrolled.codes[0])

    clock.advance(timedelta(days=1))
    async with services.database.transaction():
        await models.Authenticator.filter(user_id=member.id).update(last_step=backup.last_step)
        await models.BackupCode.all().update(used_at=None)

    await raises(verify_otp(services, await new_challenge(services, member.email), spent_otp), WrongSecondFactorError)
    await verify_backup_code(services, await new_challenge(services, member.email), enrolled.codes[0])
