"""Concurrent calls in one process and in two, on SQLite and on PostgreSQL: what works once works once.

Exactly one call succeeds, the others get an error of the contract, and afterwards every account meets the invariants.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import pytest

import models
from accounts.admin_changes import set_role_by_admin
from accounts.errors import LastAdminError
from accounts.permissions import Viewer
from accounts.services import Services
from accounts.sessions import LoggedIn, authenticate
from accounts.users import disable_user
from models import SecondFactorMethod, SecurityEventKind
from security.tokens import TokenKind, token_hash
from tests.integration.use_cases.helpers import (
    CLIENT,
    TOKEN,
    SideEffects,
    count_rows,
    events_of,
    new_challenge,
    raises,
    reload_viewer,
    start_and_confirm_activation,
    verify_backup_code,
)
from tests.integration.use_cases.invariants import assert_invariants
from tests.support.attempts import set_attempt_count
from tests.support.authenticator import Authenticator
from tests.support.clock import TIME_STEP, Clock
from tests.support.concurrent_workers import Call, Workers, call, prepare, run_concurrently
from tests.support.factories import insert_replacement
from tests.support.users import KEYS, PASSWORD, WRONG_BACKUP_CODE, set_security_policy
from twofactor.activation import acknowledge_backup_codes, start_activation
from twofactor.confirmation import confirm_otp
from twofactor.errors import WrongOtpError, WrongSecondFactorError
from twofactor.login import log_in
from twofactor.removal import reset_by_operator

Event = SecurityEventKind
RunCalls = Callable[[Sequence[Call]], Awaitable[Counter[str]]]


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """Start two worker processes."""
    with Workers(processes=2, keys=KEYS) as workers:
        yield workers


@pytest.fixture(params=["one process", "two processes"])
def run(request: pytest.FixtureRequest, services: Services, database_url: str) -> RunCalls:
    """Return a function that runs calls concurrently and counts their outcomes."""
    if request.param == "one process":

        async def run_in_this_process(calls: Sequence[Call]) -> Counter[str]:
            outcomes = Counter(await run_concurrently(await prepare(services, calls)))
            await assert_invariants(services)
            return outcomes

        return run_in_this_process
    workers: Workers = request.getfixturevalue("workers")

    async def run_in_two_processes(calls: Sequence[Call]) -> Counter[str]:
        outcomes = Counter(await asyncio.to_thread(workers.run, database_url, services.now(), calls))
        await assert_invariants(services)
        return outcomes

    return run_in_two_processes


@dataclass(frozen=True)
class SignedIn:
    """A user with a session: its token and its viewer."""

    token: str
    viewer: Viewer


@dataclass(frozen=True)
class WithTwoFactor(SignedIn):
    """A user with a session and active 2FA."""

    authenticator: Authenticator
    codes: tuple[str, ...]


async def session_of(services: Services, user: models.User) -> SignedIn:
    """Sign in a user without 2FA."""
    answer = await log_in(services, CLIENT, user.email, PASSWORD, TOKEN)
    assert isinstance(answer, LoggedIn)
    viewer = await authenticate(services, answer.token)
    assert viewer is not None
    return SignedIn(answer.token, viewer)


async def activate(services: Services, clock: Clock, user: models.User) -> WithTwoFactor:
    """Sign in a user and activate 2FA."""
    session = await session_of(services, user)
    activation_id, authenticator, codes = await start_and_confirm_activation(services, session.viewer)
    await acknowledge_backup_codes(services, CLIENT, session.viewer, activation_id)
    clock.advance(TIME_STEP)
    return WithTwoFactor(session.token, await reload_viewer(services, session.viewer), authenticator, codes)


@pytest.fixture
async def member_with_2fa(services: Services, clock: Clock, member: models.User) -> WithTwoFactor:
    """Return the member, signed in with active 2FA."""
    return await activate(services, clock, member)


@pytest.fixture
async def admin_session(services: Services, admin: models.User) -> SignedIn:
    """Return the admin, signed in without 2FA."""
    return await session_of(services, admin)


class TestOtp:
    @pytest.mark.attack("A3")
    @pytest.mark.parametrize("call_count", [2, 50])
    async def test_one_otp_on_one_challenge_starts_one_session(
        self, services: Services, member: models.User, member_with_2fa: WithTwoFactor, run: RunCalls, call_count: int
    ) -> None:
        """For the other calls the challenge has expired."""
        challenge = await new_challenge(services, member.email)
        sessions = await count_rows(services, models.Session)

        outcomes = await run(
            [call("verify_otp", challenge=challenge, otp=member_with_2fa.authenticator.otp(services.now()))]
            * call_count
        )

        assert outcomes == {"LoggedIn": 1, "ChallengeExpiredError": call_count - 1}
        assert await count_rows(services, models.Session) == sessions + 1

    @pytest.mark.attack("A3", "B4")
    @pytest.mark.parametrize("call_count", [2, 50])
    async def test_one_otp_on_many_challenges_starts_one_session(
        self,
        services: Services,
        clock: Clock,
        member: models.User,
        member_with_2fa: WithTwoFactor,
        run: RunCalls,
        call_count: int,
    ) -> None:
        """The server checks the OTP of five other calls. The remaining calls have to wait."""
        first = await new_challenge(services, member.email)
        challenges = [first, *await copy_challenge(services, member, call_count - 1)]
        sessions = await count_rows(services, models.Session)

        outcomes = await run(
            [
                call("verify_otp", challenge=challenge, otp=member_with_2fa.authenticator.otp(clock.now))
                for challenge in challenges
            ]
        )

        # Every call has the right OTP, so the first one that is checked succeeds, and no call fails before it.
        assert outcomes["LoggedIn"] == 1
        assert outcomes["WrongSecondFactorError"] == min(call_count - 1, 5)
        assert outcomes["TooManyAttemptsError"] == max(call_count - 6, 0)
        assert outcomes.total() == call_count
        assert await count_rows(services, models.Session) == sessions + 1

    async def test_otp_and_backup_code_on_one_challenge_start_one_session(
        self, services: Services, member: models.User, member_with_2fa: WithTwoFactor, run: RunCalls
    ) -> None:
        """Both factors are right. The one that did not open the session stays unused."""
        challenge = await new_challenge(services, member.email)

        outcomes = await run(
            [
                call("verify_otp", challenge=challenge, otp=member_with_2fa.authenticator.otp(services.now())),
                call("verify_backup_code", challenge=challenge, code=member_with_2fa.codes[0]),
            ]
        )

        assert outcomes == {"LoggedIn": 1, "ChallengeExpiredError": 1}


class TestBackupCode:
    @pytest.mark.attack("E1")
    @pytest.mark.parametrize("call_count", [2, 20])
    async def test_one_code_on_many_challenges_starts_one_session(
        self,
        services: Services,
        member: models.User,
        member_with_2fa: WithTwoFactor,
        run: RunCalls,
        side_effects: SideEffects,
        call_count: int,
    ) -> None:
        """One event and one email follow."""
        challenges = [
            await new_challenge(services, member.email),
            *await copy_challenge(services, member, call_count - 1),
        ]
        await side_effects.new()

        outcomes = await run(
            [call("verify_backup_code", challenge=challenge, code=member_with_2fa.codes[0]) for challenge in challenges]
        )

        assert outcomes["LoggedIn"] == 1
        assert outcomes.total() == call_count
        assert set(outcomes) <= {"LoggedIn", "WrongSecondFactorError", "TooManyAttemptsError"}
        # Five attempts can be reserved before the successful call releases its own, and five after that.
        assert outcomes["WrongSecondFactorError"] <= 9
        new = Counter(await side_effects.new())
        assert (new[Event.BACKUP_CODE_USED], new["backup_code_used"], new[Event.LOGIN_SUCCEEDED]) == (
            1,
            1,
            1,
        )
        assert await count_rows(services, models.BackupCode, used_at__isnull=True) == 9

    @pytest.mark.attack("E2")
    async def test_two_codes_on_one_challenge_start_one_session(
        self, services: Services, member: models.User, member_with_2fa: WithTwoFactor, run: RunCalls
    ) -> None:
        """The other code stays unused."""
        challenge = await new_challenge(services, member.email)

        outcomes = await run(
            [call("verify_backup_code", challenge=challenge, code=code) for code in member_with_2fa.codes[:2]]
        )

        assert outcomes == {"LoggedIn": 1, "ChallengeExpiredError": 1}
        assert await count_rows(services, models.BackupCode, used_at__isnull=False) == 1

    @pytest.mark.attack("E7")
    async def test_code_used_during_regeneration_leaves_ten_new_codes(
        self, services: Services, member: models.User, member_with_2fa: WithTwoFactor, run: RunCalls
    ) -> None:
        """The old code works before the regeneration or not at all."""
        challenge = await new_challenge(services, member.email)

        outcomes = await run(
            [
                call("verify_backup_code", challenge=challenge, code=member_with_2fa.codes[0]),
                call("regenerate", session=member_with_2fa.token, password=PASSWORD),
            ]
        )

        assert outcomes.pop("BackupCodesRegenerated") == 1
        assert outcomes in ({"LoggedIn": 1}, {"ChallengeExpiredError": 1})
        assert await count_rows(services, models.BackupCode, used_at__isnull=True) == 10
        old_code = verify_backup_code(services, await new_challenge(services, member.email), member_with_2fa.codes[1])
        await raises(old_code, WrongSecondFactorError)


class TestReplacementOfBackupCodes:
    @pytest.mark.attack("E12")
    @pytest.mark.parametrize("call_count", [2, 20])
    async def test_many_acknowledgements_replace_the_codes_once(
        self,
        services: Services,
        member: models.User,
        member_with_2fa: WithTwoFactor,
        run: RunCalls,
        side_effects: SideEffects,
        call_count: int,
    ) -> None:
        """All calls return the same result. One event and one email follow."""
        activation_id = await start_replacement(services, member)
        await side_effects.new()

        outcomes = await run(
            [call("acknowledge", session=member_with_2fa.token, activation=activation_id)] * call_count
        )

        assert outcomes == {"BackupCodesAcknowledged": call_count}
        assert await side_effects.new() == side_effects.expected(
            Event.BACKUP_CODES_ACKNOWLEDGED, "backup_codes_regenerated"
        )
        assert await count_rows(services, models.BackupCodeSet) == 1

    @pytest.mark.attack("E12", "I7")
    async def test_reset_during_an_acknowledgement_leaves_no_codes(
        self,
        services: Services,
        member: models.User,
        member_with_2fa: WithTwoFactor,
        admin_session: SignedIn,
        run: RunCalls,
    ) -> None:
        """The order of the two calls makes no difference."""
        activation_id = await start_replacement(services, member)

        outcomes = await run(
            [
                call("reset", session=admin_session.token, user_id=str(member.id), password=PASSWORD),
                call("acknowledge", session=member_with_2fa.token, activation=activation_id),
            ]
        )

        assert outcomes.pop("TwoFactorReset") == 1
        assert outcomes in ({"BackupCodesAcknowledged": 1}, {"UnauthenticatedError": 1})
        assert await count_rows(services, models.BackupCodeSet) == 0
        assert await count_rows(services, models.BackupCodeReplacement) == 0

    @pytest.mark.attack("E12")
    async def test_acknowledgement_during_a_regeneration_leaves_the_codes_of_one(
        self, services: Services, member: models.User, member_with_2fa: WithTwoFactor, run: RunCalls
    ) -> None:
        """The codes of the regeneration are in force at once, and no others."""
        activation_id = await start_replacement(services, member)

        outcomes = await run(
            [
                call("regenerate", session=member_with_2fa.token, password=PASSWORD),
                call("acknowledge", session=member_with_2fa.token, activation=activation_id),
            ]
        )

        assert outcomes.pop("BackupCodesRegenerated") == 1
        assert outcomes in ({"BackupCodesAcknowledged": 1}, {"ActivationExpiredError": 1})
        sets = await count_rows(services, models.BackupCodeSet)
        assert sets == await count_rows(services, models.BackupCodeSet, replacement_token_hash__isnull=True) == 1
        assert await count_rows(services, models.BackupCodeReplacement) == 0


async def start_replacement(services: Services, user: models.User) -> str:
    """Insert new codes that wait for the acknowledgement, and return their id."""
    async with services.database.transaction():
        return await insert_replacement(user.id, services.now())


class TestWrongAttempts:
    @pytest.mark.attack("B10")
    async def test_only_one_call_uses_the_last_attempt(
        self,
        services: Services,
        clock: Clock,
        member: models.User,
        member_with_2fa: WithTwoFactor,
        run: RunCalls,
        side_effects: SideEffects,
    ) -> None:
        """Of a hundred wrong OTPs the server checks one."""
        await set_attempt_count(
            services.database, member.id, SecondFactorMethod.OTP, failures=4, since_sign_in=4, last=clock.now
        )
        challenges = [await new_challenge(services, member.email), *await copy_challenge(services, member, 9)]
        await side_effects.new()
        wrong = member_with_2fa.authenticator.wrong_otp(clock.now)

        outcomes = await run([call("verify_otp", challenge=challenge, otp=wrong) for challenge in challenges * 10])

        assert outcomes == {"WrongSecondFactorError": 1, "TooManyAttemptsError": 99}
        assert await side_effects.new() == side_effects.expected(
            Event.SECOND_FACTOR_FAILED, Event.LOCKED, "second_factor_warning"
        )

    @pytest.mark.attack("B10")
    async def test_five_wrong_passwords_are_checked(
        self, services: Services, member: models.User, run: RunCalls
    ) -> None:
        """The other 25 calls have to wait, even if the account had no attempt before."""
        outcomes = await run([call("log_in", email=member.email, password="wrong horse")] * 30)

        assert outcomes == {"WrongEmailOrPasswordError": 5, "TooManyAttemptsError": 25}

    async def test_five_passwords_of_an_unknown_email_are_checked(self, services: Services, run: RunCalls) -> None:
        """An unknown email has the same attempt limit."""
        outcomes = await run([call("log_in", email="unknown@acme.example", password="wrong horse")] * 30)

        assert outcomes == {"WrongEmailOrPasswordError": 5, "TooManyAttemptsError": 25}

    @pytest.mark.attack("B10")
    async def test_five_wrong_otps_of_an_activation_are_checked(
        self, services: Services, admin_session: SignedIn, run: RunCalls
    ) -> None:
        """For the other 25 calls the activation has expired."""
        activation = await start_activation(services, CLIENT, admin_session.viewer, PASSWORD)
        wrong = Authenticator(activation.key).wrong_otp(services.now())

        outcomes = await run(
            [call("confirm", session=admin_session.token, activation=activation.activation_id, otp=wrong)] * 30
        )

        assert outcomes == {"WrongOtpError": 5, "ActivationExpiredError": 25}


class TestActivation:
    @pytest.mark.attack("D5")
    @pytest.mark.parametrize(("typos", "call_count"), [(0, 8), (4, 2)])
    async def test_one_otp_issues_one_set_of_codes(
        self,
        services: Services,
        admin_session: SignedIn,
        run: RunCalls,
        side_effects: SideEffects,
        typos: int,
        call_count: int,
    ) -> None:
        """All calls return the codes, even if only one attempt is left."""
        activation = await start_activation(services, CLIENT, admin_session.viewer, PASSWORD)
        authenticator = Authenticator(activation.key)
        for _ in range(typos):
            wrong = authenticator.wrong_otp(services.now())
            await raises(
                confirm_otp(services, CLIENT, admin_session.viewer, activation.activation_id, wrong), WrongOtpError
            )
        await side_effects.new()
        right = authenticator.otp(services.now())

        outcomes = await run(
            [call("confirm", session=admin_session.token, activation=activation.activation_id, otp=right)] * call_count
        )

        assert outcomes == {"BackupCodesIssued": call_count}
        assert await side_effects.new() == side_effects.expected(Event.BACKUP_CODES_ISSUED)
        assert await count_rows(services, models.BackupCodeSet) == 1
        await acknowledge_backup_codes(services, CLIENT, admin_session.viewer, activation.activation_id)

    @pytest.mark.attack("D5")
    async def test_two_confirmations_without_codes_activate_once(
        self,
        services: Services,
        company: models.Company,
        admin_session: SignedIn,
        run: RunCalls,
        side_effects: SideEffects,
    ) -> None:
        """Both calls return the same result. One event and one email follow."""
        activation = await start_activation(services, CLIENT, admin_session.viewer, PASSWORD)
        async with services.database.transaction():
            await models.Company.filter(id=company.id).update(backup_codes_enabled=False)
        await side_effects.new()
        right = Authenticator(activation.key).otp(services.now())

        outcomes = await run(
            [call("confirm", session=admin_session.token, activation=activation.activation_id, otp=right)] * 2
        )

        assert outcomes == {"TwoFactorActivated": 2}
        assert await side_effects.new() == side_effects.expected(Event.TWO_FACTOR_ACTIVATED, "two_factor_activated")

    @pytest.mark.attack("D5")
    @pytest.mark.parametrize("call_count", [2, 50])
    async def test_many_acknowledgements_activate_once(
        self, services: Services, admin_session: SignedIn, run: RunCalls, side_effects: SideEffects, call_count: int
    ) -> None:
        """All calls return the same result. One event and one email follow."""
        activation_id, _, _ = await start_and_confirm_activation(services, admin_session.viewer)
        await side_effects.new()

        outcomes = await run([call("acknowledge", session=admin_session.token, activation=activation_id)] * call_count)

        assert outcomes == {"TwoFactorActivated": call_count}
        assert await side_effects.new() == side_effects.expected(Event.TWO_FACTOR_ACTIVATED, "two_factor_activated")

    async def test_either_acknowledgement_or_new_activation_succeeds(
        self, services: Services, admin_session: SignedIn, run: RunCalls
    ) -> None:
        """Either 2FA is active, or the new activation has ended the earlier one."""
        activation_id, _, _ = await start_and_confirm_activation(services, admin_session.viewer)

        outcomes = await run(
            [
                call("acknowledge", session=admin_session.token, activation=activation_id),
                call("start", session=admin_session.token, password=PASSWORD),
            ]
        )

        assert outcomes in (
            {"TwoFactorActivated": 1, "TwoFactorAlreadyActiveError": 1},
            {"ActivationExpiredError": 1, "AuthenticatorActivation": 1},
        )

    @pytest.mark.attack("I7")
    async def test_confirmation_while_backup_codes_are_turned_off_is_consistent(
        self, services: Services, member: models.User, admin_session: SignedIn, run: RunCalls
    ) -> None:
        """Either codes are issued, or 2FA is active without codes."""
        member_session = await session_of(services, member)
        activation = await start_activation(services, CLIENT, member_session.viewer, PASSWORD)
        right = Authenticator(activation.key).otp(services.now())

        outcomes = await run(
            [
                call("confirm", session=member_session.token, activation=activation.activation_id, otp=right),
                call("set_policy", session=admin_session.token, password=PASSWORD, codes=False),
            ]
        )

        assert outcomes.pop("SecurityPolicyUpdated") == 1
        assert outcomes in ({"BackupCodesIssued": 1}, {"TwoFactorActivated": 1})
        assert await count_rows(services, models.BackupCodeSet) == outcomes["BackupCodesIssued"]


class TestRemoval:
    async def test_many_deactivations_deactivate_once(
        self, services: Services, member_with_2fa: WithTwoFactor, run: RunCalls, side_effects: SideEffects
    ) -> None:
        """One event and one email follow."""
        await side_effects.new()

        outcomes = await run([call("deactivate", session=member_with_2fa.token, password=PASSWORD)] * 3)

        assert outcomes == {"TwoFactorDeactivated": 1, "TwoFactorNotActiveError": 2}
        assert await side_effects.new() == side_effects.expected(Event.TWO_FACTOR_DEACTIVATED, "two_factor_deactivated")

    @pytest.mark.attack("I7")
    async def test_deactivation_during_a_sign_in_leaves_one_session(
        self, services: Services, member: models.User, member_with_2fa: WithTwoFactor, run: RunCalls
    ) -> None:
        """The deactivation ends the new session, or the challenge has expired."""
        challenge = await new_challenge(services, member.email)

        outcomes = await run(
            [
                call("deactivate", session=member_with_2fa.token, password=PASSWORD),
                call("verify_otp", challenge=challenge, otp=member_with_2fa.authenticator.otp(services.now())),
            ]
        )

        assert outcomes.pop("TwoFactorDeactivated") == 1
        assert outcomes in ({"LoggedIn": 1}, {"ChallengeExpiredError": 1})
        assert await count_rows(services, models.Session, user_id=member.id) == 1

    @pytest.mark.attack("I3", "I7")
    async def test_reset_during_a_sign_in_leaves_no_session(
        self,
        services: Services,
        member: models.User,
        member_with_2fa: WithTwoFactor,
        admin_session: SignedIn,
        run: RunCalls,
    ) -> None:
        """The order of the two calls makes no difference."""
        challenge = await new_challenge(services, member.email)

        outcomes = await run(
            [
                call("reset", session=admin_session.token, user_id=str(member.id), password=PASSWORD),
                call("verify_otp", challenge=challenge, otp=member_with_2fa.authenticator.otp(services.now())),
            ]
        )

        assert outcomes.pop("TwoFactorReset") == 1
        assert outcomes in ({"LoggedIn": 1}, {"ChallengeExpiredError": 1})
        assert await count_rows(services, models.Session, user_id=member.id) == 0

    @pytest.mark.attack("I7")
    async def test_deactivation_fails_after_enforcement(
        self, services: Services, member_with_2fa: WithTwoFactor, admin_session: SignedIn, run: RunCalls
    ) -> None:
        """If the deactivation comes first, it succeeds."""
        outcomes = await run(
            [
                call("deactivate", session=member_with_2fa.token, password=PASSWORD),
                call("set_policy", session=admin_session.token, password=PASSWORD, enforced=True),
            ]
        )

        assert outcomes.pop("SecurityPolicyUpdated") == 1
        assert outcomes in ({"TwoFactorDeactivated": 1}, {"TwoFactorIsEnforcedError": 1})

    @pytest.mark.attack("I7")
    async def test_deactivation_fails_after_enforcement_for_the_user(
        self,
        services: Services,
        member: models.User,
        member_with_2fa: WithTwoFactor,
        admin_session: SignedIn,
        run: RunCalls,
    ) -> None:
        """If the deactivation comes first, it succeeds, and the user is asked to activate 2FA again."""
        rule = {"user_id": str(member.id), "password": PASSWORD, "rule": "ENFORCED"}
        outcomes = await run(
            [
                call("deactivate", session=member_with_2fa.token, password=PASSWORD),
                call("set_rule", session=admin_session.token, **rule),
            ]
        )

        assert outcomes.pop("UserEnforcementChanged") == 1
        assert outcomes in ({"TwoFactorDeactivated": 1}, {"TwoFactorIsEnforcedError": 1})
        two_factor = (await reload_viewer(services, member_with_2fa.viewer)).user.two_factor
        assert two_factor.is_active == ("TwoFactorIsEnforcedError" in outcomes)
        assert two_factor.is_enforced(services.now())

    async def test_two_admins_who_set_a_rule_write_a_chain_of_events(
        self, services: Services, member: models.User, admin_session: SignedIn, run: RunCalls
    ) -> None:
        """Each event starts from the rule of the one before. A change without an effect has no event and no email."""
        member_id = str(member.id)
        async with services.database.transaction():
            other = await models.User.get(id=admin_session.viewer.user.id)
            other.id, other.email, other.email_key = uuid4(), "eve@acme.example", "eve@acme.example"
            await models.User.bulk_create([other])
        sessions = [admin_session.token, (await session_of(services, other)).token]

        outcomes = await run(
            [
                call("set_rule", session=session, user_id=member_id, password=PASSWORD, rule=rule)
                for session in sessions
                for rule in ("ENFORCED", "AS_COMPANY")
            ]
        )

        assert outcomes == {"UserEnforcementChanged": 4}
        async with services.database.reading():
            events = await models.SecurityEvent.filter(kind=Event.USER_ENFORCEMENT_CHANGED)
            rule = (await models.User.get(id=member.id)).enforcement
        steps = Counter((change["from"], change["to"]) for event in events for change in event.changes or ())
        there, back = steps.pop(("AS_COMPANY", "ENFORCED"), 0), steps.pop(("ENFORCED", "AS_COMPANY"), 0)
        assert steps == {}
        assert there - back == (rule == "ENFORCED")
        assert (
            len(events)
            == there + back
            == await count_rows(services, models.OutboxEmail, kind="user_enforcement_changed")
        )

    async def test_two_admins_who_reset_each_other_do_not_deadlock(
        self, services: Services, clock: Clock, admin: models.User, member: models.User, run: RunCalls
    ) -> None:
        """One reset succeeds and ends the session of the other admin."""
        async with services.database.transaction():
            await models.User.filter(id=member.id).update(role=models.Role.ADMIN)
        one, other = await activate(services, clock, admin), await activate(services, clock, member)

        outcomes = await run(
            [
                call("reset", session=one.token, user_id=str(member.id), password=PASSWORD),
                call("reset", session=other.token, user_id=str(admin.id), password=PASSWORD),
            ]
        )

        assert outcomes == {"TwoFactorReset": 1, "UnauthenticatedError": 1}
        assert await count_rows(services, models.Authenticator) == 1


# What two admins do to each other at once, and the outcomes.
BETWEEN_TWO_ADMINS: dict[str, tuple[tuple[Call, Call], dict[str, int]]] = {
    "both give up the role": (
        (call("set_role", user_id="own", role="MEMBER"), call("set_role", user_id="own", role="MEMBER")),
        {"UserRoleSet": 1, "LastAdminError": 1},
    ),
    "both demote the other": (
        (call("set_role", user_id="other", role="MEMBER"), call("set_role", user_id="other", role="MEMBER")),
        {"UserRoleSet": 1, "ForbiddenError": 1},
    ),
    "both disable the other": (
        (call("disable", user_id="other"), call("disable", user_id="other")),
        {"UserDisabled": 1, "UnauthenticatedError": 1},
    ),
}


class TestChangesByAdmins:
    @pytest.mark.attack("I12")
    @pytest.mark.parametrize("case", BETWEEN_TWO_ADMINS)
    async def test_two_admins_leave_one(
        self, services: Services, admin: models.User, member: models.User, run: RunCalls, case: str
    ) -> None:
        """There is no deadlock either."""
        async with services.database.transaction():
            await models.User.filter(id=member.id).update(role=models.Role.ADMIN)
        sessions = {user.id: await session_of(services, user) for user in (admin, member)}
        calls, expected = BETWEEN_TWO_ADMINS[case]
        ids = ({"own": admin.id, "other": member.id}, {"own": member.id, "other": admin.id})

        outcomes = await run(
            [
                {
                    **each,
                    "session": sessions[of["own"]].token,
                    "user_id": str(of[each["user_id"]]),
                    "password": PASSWORD,
                }
                for each, of in zip(calls, ids, strict=True)
            ]
        )

        assert outcomes == expected
        assert await count_rows(services, models.User, role=models.Role.ADMIN, is_enabled=True) == 1

    @pytest.mark.attack("I12")
    async def test_operator_and_admin_leave_one_admin(
        self, services: Services, admin: models.User, member: models.User
    ) -> None:
        """The operator disables one admin, while the other one gives up the role."""
        async with services.database.transaction():
            await models.User.filter(id=member.id).update(role=models.Role.ADMIN)
        viewer = (await session_of(services, admin)).viewer

        answers = await asyncio.gather(
            set_role_by_admin(services, CLIENT, viewer, admin.id, models.Role.MEMBER, PASSWORD),
            disable_user(services, member.id),
            return_exceptions=True,
        )

        assert sum(isinstance(answer, LastAdminError) for answer in answers) == 1
        assert await count_rows(services, models.User, role=models.Role.ADMIN, is_enabled=True) == 1

    @pytest.mark.parametrize("is_disabled", [True, False])
    async def test_change_that_many_admins_make_is_recorded_once(
        self,
        services: Services,
        member: models.User,
        admin_session: SignedIn,
        run: RunCalls,
        side_effects: SideEffects,
        *,
        is_disabled: bool,
    ) -> None:
        """One event and one email follow. All calls get the same answer."""
        operation, event, answer = ("disable", Event.USER_DISABLED, "UserDisabled")
        if not is_disabled:
            await disable_user(services, member.id)
            operation, event, answer = ("enable", Event.USER_ENABLED, "UserEnabled")
        await side_effects.new()

        outcomes = await run(
            [call(operation, session=admin_session.token, user_id=str(member.id), password=PASSWORD)] * 3
        )

        assert outcomes == {answer: 3}
        assert await side_effects.new() == side_effects.expected(event, event.lower())

    @pytest.mark.attack("C8")
    async def test_login_beside_disabling_leaves_no_session(
        self, services: Services, member: models.User, admin_session: SignedIn, run: RunCalls
    ) -> None:
        """Whichever is first. The invariants say so too."""
        await session_of(services, member)

        outcomes = await run(
            [
                call("log_in", email=member.email, password=PASSWORD),
                call("disable", session=admin_session.token, user_id=str(member.id), password=PASSWORD),
                call("log_in", email=member.email, password=PASSWORD),
            ]
        )

        assert outcomes["UserDisabled"] == 1
        assert outcomes["LoggedIn"] + outcomes["WrongEmailOrPasswordError"] == 2
        assert await count_rows(services, models.Session, user_id=member.id) == 0

    @pytest.mark.attack("C8")
    async def test_second_factor_beside_disabling_leaves_no_session(
        self,
        services: Services,
        member: models.User,
        member_with_2fa: WithTwoFactor,
        admin_session: SignedIn,
        run: RunCalls,
    ) -> None:
        """The disabling ends the new session, or the challenge has expired."""
        challenge = await new_challenge(services, member.email)

        outcomes = await run(
            [
                call("verify_otp", challenge=challenge, otp=member_with_2fa.authenticator.otp(services.now())),
                call("disable", session=admin_session.token, user_id=str(member.id), password=PASSWORD),
            ]
        )

        assert outcomes.pop("UserDisabled") == 1
        assert outcomes in ({"LoggedIn": 1}, {"ChallengeExpiredError": 1})
        assert await count_rows(services, models.Session, user_id=member.id) == 0

    @pytest.mark.attack("C8")
    async def test_activation_beside_disabling_is_complete_or_gone(
        self, services: Services, member: models.User, admin_session: SignedIn, run: RunCalls
    ) -> None:
        """Nothing of an activation that was not completed is left. A completed one is in force after `enableUser`."""
        session = await session_of(services, member)
        activation_id, _, _ = await start_and_confirm_activation(services, session.viewer)

        outcomes = await run(
            [
                call("acknowledge", session=session.token, activation=activation_id),
                call("disable", session=admin_session.token, user_id=str(member.id), password=PASSWORD),
            ]
        )

        assert outcomes.pop("UserDisabled") == 1
        assert outcomes in ({"TwoFactorActivated": 1}, {"UnauthenticatedError": 1})
        is_active = "TwoFactorActivated" in outcomes
        assert await count_rows(services, models.Authenticator, user_id=member.id) == is_active
        for table in (models.Session, models.Activation):
            assert await count_rows(services, table, user_id=member.id) == 0

    @pytest.mark.attack("B16")
    async def test_failures_beside_unlocking_are_counted_or_gone(
        self,
        services: Services,
        member: models.User,
        member_with_2fa: WithTwoFactor,
        admin_session: SignedIn,
        run: RunCalls,
    ) -> None:
        """No more attempts are checked than the free ones, before the unlocking or after it."""
        challenge, now = await new_challenge(services, member.email), services.now()
        await set_attempt_count(
            services.database, member.id, SecondFactorMethod.OTP, failures=4, since_sign_in=99, last=now
        )
        otp = member_with_2fa.authenticator.wrong_otp(now)

        outcomes = await run(
            [
                *[call("verify_otp", challenge=challenge, otp=otp)] * 4,
                call("unlock", session=admin_session.token, user_id=str(member.id), password=PASSWORD),
                *[call("verify_otp", challenge=challenge, otp=otp)] * 4,
            ]
        )

        assert outcomes.pop("UserUnlocked") == 1
        assert outcomes.keys() <= {"WrongSecondFactorError", "SecondFactorLockedError", "TooManyAttemptsError"}
        assert outcomes["WrongSecondFactorError"] <= 1 + 5
        async with services.database.reading():
            row = await models.AttemptCount.filter(subject=member.id.hex).first()
        assert row is None or row.undecided == 0


class TestPasswordAndSession:
    async def test_one_of_two_password_changes_succeeds(
        self, services: Services, admin_session: SignedIn, run: RunCalls, side_effects: SideEffects
    ) -> None:
        """For the other one the current password is wrong."""
        await side_effects.new()
        outcomes = await run(
            [
                call(
                    "change_password",
                    session=admin_session.token,
                    password=PASSWORD,
                    new_password=f"{word} and some more words",
                )
                for word in ("tr0ub4dor", "zebrafinch")
            ]
        )

        assert outcomes == {"PasswordChanged": 1, "WrongPasswordError": 1}
        new = Counter(await side_effects.new())
        assert (new[Event.PASSWORD_CHANGED], new["password_changed"]) == (1, 1)

    async def test_many_logouts_record_one_event(
        self, services: Services, admin_session: SignedIn, run: RunCalls, side_effects: SideEffects
    ) -> None:
        """All calls return the same result."""
        await side_effects.new()

        outcomes = await run([call("log_out", session=admin_session.token)] * 5)

        assert outcomes == {"LoggedOut": 5}
        assert await side_effects.new() == side_effects.expected(Event.LOGGED_OUT)


async def copy_challenge(services: Services, user: models.User, number: int) -> list[str]:
    """Insert more challenges of a user who gave the right password, without a slow hash for each."""
    tokens = [services.new_token(TokenKind.CHALLENGE) for _ in range(number)]
    async with services.database.transaction():
        original = await models.Challenge.filter(user_id=user.id).first()
        assert original is not None
        await models.Challenge.bulk_create(
            models.Challenge(
                token_hash=token_hash(TokenKind.CHALLENGE, token),
                user_id=user.id,
                transport=original.transport,
                created_at=original.created_at,
                expires_at=original.expires_at,
            )
            for token in tokens
        )
    return tokens


class TestSecurityPolicy:
    async def test_changes_of_two_admins_run_one_after_the_other(
        self, services: Services, admin_session: SignedIn, member: models.User, run: RunCalls
    ) -> None:
        """Each event has the values that the change before it left, and each admin gets an email about the other's."""
        async with services.database.transaction():
            await models.User.filter(id=member.id).update(role=models.Role.ADMIN)
        other = await session_of(services, member)

        outcomes = await run(
            [
                call("set_policy", session=admin_session.token, password=PASSWORD, enforced_for="ADMINS", days=10),
                call("set_policy", session=other.token, password=PASSWORD, enforced_for="EVERYBODY", days=20),
            ]
        )

        assert outcomes == {"SecurityPolicyUpdated": 2}
        company = (await reload_viewer(services, other.viewer)).user.company
        events = await events_of(services, Event.SECURITY_POLICY_CHANGED)
        last = company.enforced_for.value
        first = {"ADMINS": "EVERYBODY", "EVERYBODY": "ADMINS"}[last]
        steps = [
            (change["from"], change["to"])
            for event in events
            for change in event.changes or ()
            if change["field"] == "ENFORCED_FOR"
        ]
        assert sorted(steps) == sorted([("NOBODY", first), (first, last)])
        assert company.enforce_from == services.now() + timedelta(days={"ADMINS": 10, "EVERYBODY": 20}[last])
        assert await count_rows(services, models.OutboxEmail, kind="policy_changed") == 2

    @pytest.mark.attack("I7")
    async def test_activation_beside_an_enforcement_keeps_2fa(
        self, services: Services, admin_session: SignedIn, member: models.User, run: RunCalls
    ) -> None:
        """The member can confirm and acknowledge it before and after the change."""
        member_session = await session_of(services, member)
        activation_id, _, _ = await start_and_confirm_activation(services, member_session.viewer)

        outcomes = await run(
            [
                call("acknowledge", session=member_session.token, activation=activation_id),
                call("set_policy", session=admin_session.token, password=PASSWORD, enforced_for="EVERYBODY"),
            ]
        )

        assert outcomes == {"TwoFactorActivated": 1, "SecurityPolicyUpdated": 1}
        two_factor = (await reload_viewer(services, member_session.viewer)).user.two_factor
        assert two_factor.is_enforced(services.now())
        assert not two_factor.is_setup_required(services.now())


class TestVoucher:
    @pytest.fixture
    async def sessions(
        self,
        services: Services,
        member: models.User,
        company: models.Company,
        member_with_2fa: WithTwoFactor,  # 2FA that is reset
    ) -> tuple[str, str, str]:
        """Return the voucher of a member, and the tokens of two sessions after the reset."""
        await set_security_policy(services.database, company, resets_need_voucher=True)
        voucher = await reset_by_operator(services, member.id, None)
        assert voucher is not None
        return voucher.text, (await session_of(services, member)).token, (await session_of(services, member)).token

    @pytest.mark.attack("D14")
    async def test_guesses_share_the_attempt_limit(
        self, services: Services, run: RunCalls, sessions: tuple[str, str, str]
    ) -> None:
        """The server checks at most five of twelve vouchers that two sessions send at the same time."""
        _, *tokens = sessions
        wrong = WRONG_BACKUP_CODE

        outcomes = await run(
            [call("start", session=token, password=PASSWORD, voucher=wrong) for token in tokens for _ in range(6)]
        )

        assert 0 < outcomes["WrongVoucherError"] <= 5
        assert outcomes["WrongVoucherError"] + outcomes["TooManyAttemptsError"] == 12
        assert await count_rows(services, models.Activation) == 0

    @pytest.mark.attack("D13")
    async def test_two_starts_beside_a_reset_leave_no_activation_by_the_old_voucher(
        self,
        services: Services,
        run: RunCalls,
        sessions: tuple[str, str, str],
        member: models.User,
        admin_session: SignedIn,
    ) -> None:
        """A start before the reset is ended by it. A start after it has no session."""
        voucher, *tokens = sessions
        starts = [call("start", session=token, password=PASSWORD, voucher=voucher) for token in tokens]

        outcomes = await run(
            [*starts, call("reset", session=admin_session.token, user_id=str(member.id), password=PASSWORD)]
        )

        assert outcomes["TwoFactorReset"] == 1
        assert set(outcomes) <= {"TwoFactorReset", "AuthenticatorActivation", "UnauthenticatedError"}
        assert await count_rows(services, models.Activation) == 0
        assert await count_rows(services, models.User, voucher_hash__isnull=False) == 1
