"""Races: whatever works once works once however many try at the same instant, in one process and over two.

On SQLite and on PostgreSQL exactly one wins, the others get a refusal that the contract names, and afterwards every
account is whole.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest

import models
from models import Factor, LetterKind, SecurityEventKind
from tests.conftest import KEYS, PASSWORD
from tests.flows.invariants import assert_invariants
from tests.flows.steps import (
    CLIENT,
    STEP,
    TOKEN,
    Trail,
    challenge_of,
    confirmed_activation,
    count,
    give_backup_code,
    refresh,
    refused,
    set_budget,
    told,
)
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock
from tests.support.rivals import Attempt, Rivals, attempt, prepare, race
from twofactor.access import Viewer
from twofactor.activation import acknowledge_backup_codes, start_activation
from twofactor.environment import Environment
from twofactor.errors import WrongSecondFactorError
from twofactor.login import log_in
from twofactor.results import LoggedIn
from twofactor.rules.tokens import TokenKind, token_hash
from twofactor.sessions import authenticate

Event = SecurityEventKind
Letter = LetterKind
Race = Callable[[Sequence[Attempt]], Awaitable[Counter[str]]]


@pytest.fixture(scope="session")
def rivals() -> Iterator[Rivals]:
    """Two more processes."""
    with Rivals(processes=2, keys=KEYS) as processes:
        yield processes


@pytest.fixture(params=["one process", "two processes"])
def run(request: pytest.FixtureRequest, env: Environment, database_url: str) -> Race:
    """Makes attempts at the same instant, and says how often there was which outcome."""
    if request.param == "one process":

        async def run_here(attempts: Sequence[Attempt]) -> Counter[str]:
            outcomes = Counter(await race(await prepare(env, attempts)))
            await assert_invariants(env)
            return outcomes

        return run_here
    processes: Rivals = request.getfixturevalue("rivals")

    async def run_there(attempts: Sequence[Attempt]) -> Counter[str]:
        outcomes = Counter(await asyncio.to_thread(processes.race, database_url, env.now(), attempts))
        await assert_invariants(env)
        return outcomes

    return run_there


@dataclass(frozen=True)
class SignedIn:
    """Somebody's session, with its token."""

    token: str
    viewer: Viewer


@dataclass(frozen=True)
class WithTwoFactor(SignedIn):
    """The same of somebody whose 2FA is active."""

    app: Authenticator
    codes: tuple[str, ...]


async def session_of(env: Environment, user: models.User) -> SignedIn:
    """Sign in with the password alone."""
    answer = await log_in(env, CLIENT, user.email, PASSWORD, TOKEN)
    assert isinstance(answer, LoggedIn)
    viewer = await authenticate(env, answer.token)
    assert viewer is not None
    return SignedIn(answer.token, viewer)


async def activate(env: Environment, clock: Clock, user: models.User) -> WithTwoFactor:
    """Sign in and activate."""
    begun = await session_of(env, user)
    activation_id, app, codes = await confirmed_activation(env, begun.viewer)
    await acknowledge_backup_codes(env, CLIENT, begun.viewer, activation_id)
    clock.advance(STEP)
    return WithTwoFactor(begun.token, await refresh(env, begun.viewer), app, codes)


@pytest.fixture
async def mia(env: Environment, clock: Clock, member: models.User) -> WithTwoFactor:
    """The member, signed in with 2FA active."""
    return await activate(env, clock, member)


@pytest.fixture
async def ada(env: Environment, admin: models.User) -> SignedIn:
    """The admin, signed in without 2FA."""
    return await session_of(env, admin)


class TestOtp:
    @pytest.mark.parametrize("rivals_count", [2, 50])
    async def test_on_one_challenge(
        self, env: Environment, member: models.User, mia: WithTwoFactor, run: Race, rivals_count: int
    ) -> None:
        """One OTP on one challenge begins one session; the others find the challenge over (A3)."""
        challenge = await challenge_of(env, member.email)
        sessions = await count(env, models.Session)

        outcomes = await run([attempt("give_otp", challenge=challenge, otp=mia.app.otp(env.now()))] * rivals_count)

        assert outcomes == {"LoggedIn": 1, "ChallengeExpiredError": rivals_count - 1}
        assert await count(env, models.Session) == sessions + 1

    @pytest.mark.parametrize("rivals_count", [2, 50])
    async def test_on_as_many_challenges(
        self, env: Environment, clock: Clock, member: models.User, mia: WithTwoFactor, run: Race, rivals_count: int
    ) -> None:
        """One OTP on many challenges begins one session; five others are looked at, and the rest wait (A3, B4)."""
        first = await challenge_of(env, member.email)
        challenges = [first, *await copies(env, member, rivals_count - 1)]
        sessions = await count(env, models.Session)

        outcomes = await run(
            [attempt("give_otp", challenge=challenge, otp=mia.app.otp(clock.now)) for challenge in challenges]
        )

        # Of the losers, those before the winner are none: every one holds the right OTP, and the first to come wins.
        assert outcomes["LoggedIn"] == 1
        assert outcomes["WrongSecondFactorError"] == min(rivals_count - 1, 5)
        assert outcomes["TooManyAttemptsError"] == max(rivals_count - 6, 0)
        assert outcomes.total() == rivals_count
        assert await count(env, models.Session) == sessions + 1

    async def test_and_a_backup_code_on_one_challenge(
        self, env: Environment, member: models.User, mia: WithTwoFactor, run: Race
    ) -> None:
        """A challenge opens once, also where both factors are right; what did not open it is not used up."""
        challenge = await challenge_of(env, member.email)

        outcomes = await run(
            [
                attempt("give_otp", challenge=challenge, otp=mia.app.otp(env.now())),
                attempt("give_backup_code", challenge=challenge, code=mia.codes[0]),
            ]
        )

        assert outcomes == {"LoggedIn": 1, "ChallengeExpiredError": 1}


class TestBackupCode:
    @pytest.mark.parametrize("rivals_count", [2, 20])
    async def test_on_as_many_challenges(
        self, env: Environment, member: models.User, mia: WithTwoFactor, run: Race, trail: Trail, rivals_count: int
    ) -> None:
        """One code begins one session, and is told once (E1)."""
        challenges = [await challenge_of(env, member.email), *await copies(env, member, rivals_count - 1)]
        await trail.news()

        outcomes = await run(
            [attempt("give_backup_code", challenge=challenge, code=mia.codes[0]) for challenge in challenges]
        )

        assert outcomes["LoggedIn"] == 1
        assert outcomes.total() == rivals_count
        assert set(outcomes) <= {"LoggedIn", "WrongSecondFactorError", "TooManyAttemptsError"}
        # Five may be claimed before the winner gives its own back, five after.
        assert outcomes["WrongSecondFactorError"] <= 9
        news = Counter(await trail.news())
        assert (news[Event.BACKUP_CODE_USED], news[Letter.BACKUP_CODE_USED], news[Event.LOGIN_SUCCEEDED]) == (1, 1, 1)
        assert await count(env, models.BackupCode, used_at__isnull=True) == 9

    async def test_two_on_one_challenge(
        self, env: Environment, member: models.User, mia: WithTwoFactor, run: Race
    ) -> None:
        """Two right codes on one challenge begin one session, and the other code stays good (E2)."""
        challenge = await challenge_of(env, member.email)

        outcomes = await run([attempt("give_backup_code", challenge=challenge, code=code) for code in mia.codes[:2]])

        assert outcomes == {"LoggedIn": 1, "ChallengeExpiredError": 1}
        assert await count(env, models.BackupCode, used_at__isnull=False) == 1

    async def test_against_its_replacement(
        self, env: Environment, member: models.User, mia: WithTwoFactor, run: Race
    ) -> None:
        """A code and the regeneration of all: used before, or refused after; in the end ten are left (E7)."""
        challenge = await challenge_of(env, member.email)

        outcomes = await run(
            [
                attempt("give_backup_code", challenge=challenge, code=mia.codes[0]),
                attempt("regenerate", session=mia.token, password=PASSWORD),
            ]
        )

        assert outcomes.pop("BackupCodesRegenerated") == 1
        assert outcomes in ({"LoggedIn": 1}, {"ChallengeExpiredError": 1})
        assert await count(env, models.BackupCode, used_at__isnull=True) == 10
        with_old = give_backup_code(env, await challenge_of(env, member.email), mia.codes[1])
        await refused(with_old, WrongSecondFactorError)


class TestGuesses:
    async def test_at_four_of_five(
        self, env: Environment, clock: Clock, member: models.User, mia: WithTwoFactor, run: Race, trail: Trail
    ) -> None:
        """Of a hundred guesses at once with one attempt left, one is looked at (B10)."""
        await set_budget(env, member, Factor.OTP, failures=4, since_sign_in=4, last=clock.now)
        challenges = [await challenge_of(env, member.email), *await copies(env, member, 9)]
        await trail.news()
        wrong = mia.app.wrong_otp(clock.now)

        outcomes = await run([attempt("give_otp", challenge=challenge, otp=wrong) for challenge in challenges * 10])

        assert outcomes == {"WrongSecondFactorError": 1, "TooManyAttemptsError": 99}
        assert await trail.news() == told(Event.SECOND_FACTOR_FAILED, Event.LOCKED, Letter.SECOND_FACTOR_WARNING)

    async def test_of_passwords(self, env: Environment, member: models.User, run: Race) -> None:
        """Of thirty wrong passwords at once five are looked at, from the very first on."""
        outcomes = await run([attempt("log_in", email=member.email, password="wrong horse")] * 30)

        assert outcomes == {"WrongEmailOrPasswordError": 5, "TooManyAttemptsError": 25}

    async def test_of_passwords_of_nobody(self, env: Environment, run: Race) -> None:
        """The budget of an email that nobody has is kept as strictly."""
        outcomes = await run([attempt("log_in", email="nobody@acme.example", password="wrong horse")] * 30)

        assert outcomes == {"WrongEmailOrPasswordError": 5, "TooManyAttemptsError": 25}

    async def test_confirming(self, env: Environment, ada: SignedIn, run: Race) -> None:
        """Of thirty wrong OTPs at once five are looked at, and then the activation is over."""
        activation = await start_activation(env, CLIENT, ada.viewer, PASSWORD)
        wrong = Authenticator(activation.key).wrong_otp(env.now())

        outcomes = await run(
            [attempt("confirm", session=ada.token, activation=activation.activation_id, otp=wrong)] * 30
        )

        assert outcomes == {"WrongOtpError": 5, "ActivationExpiredError": 25}


class TestActivation:
    async def test_confirmed_twice(self, env: Environment, ada: SignedIn, run: Race, trail: Trail) -> None:
        """One OTP issues one set of codes; the others are refused as replays (D5)."""
        activation = await start_activation(env, CLIENT, ada.viewer, PASSWORD)
        await trail.news()
        right = Authenticator(activation.key).otp(env.now())

        outcomes = await run(
            [attempt("confirm", session=ada.token, activation=activation.activation_id, otp=right)] * 2
        )

        assert outcomes == {"BackupCodesIssued": 1, "WrongOtpError": 1}
        assert await trail.news() == told(Event.BACKUP_CODES_ISSUED, Event.SECOND_FACTOR_FAILED)

    async def test_confirmed_twice_with_codes_off(
        self, env: Environment, company: models.Company, ada: SignedIn, run: Race, trail: Trail
    ) -> None:
        """Both get the same answer, but 2FA is activated once: one event, one letter (D5, rule 15)."""
        activation = await start_activation(env, CLIENT, ada.viewer, PASSWORD)
        async with env.database.transaction():
            await models.Company.filter(id=company.id).update(backup_codes_enabled=False)
        await trail.news()
        right = Authenticator(activation.key).otp(env.now())

        outcomes = await run(
            [attempt("confirm", session=ada.token, activation=activation.activation_id, otp=right)] * 2
        )

        assert outcomes == {"TwoFactorActivated": 2}
        assert await trail.news() == told(Event.TWO_FACTOR_ACTIVATED, Letter.TWO_FACTOR_ACTIVATED)

    @pytest.mark.parametrize("rivals_count", [2, 50])
    async def test_acknowledged_at_once(
        self, env: Environment, ada: SignedIn, run: Race, trail: Trail, rivals_count: int
    ) -> None:
        """All get the same answer, but 2FA is activated once: one event, one letter (D5)."""
        activation_id, _, _ = await confirmed_activation(env, ada.viewer)
        await trail.news()

        outcomes = await run([attempt("acknowledge", session=ada.token, activation=activation_id)] * rivals_count)

        assert outcomes == {"TwoFactorActivated": rivals_count}
        assert await trail.news() == told(Event.TWO_FACTOR_ACTIVATED, Letter.TWO_FACTOR_ACTIVATED)

    async def test_acknowledged_against_a_newer_start(self, env: Environment, ada: SignedIn, run: Race) -> None:
        """The promise activates, or the new start has ended the activation; never both."""
        activation_id, _, _ = await confirmed_activation(env, ada.viewer)

        outcomes = await run(
            [
                attempt("acknowledge", session=ada.token, activation=activation_id),
                attempt("start", session=ada.token, password=PASSWORD),
            ]
        )

        assert outcomes in (
            {"TwoFactorActivated": 1, "TwoFactorAlreadyActiveError": 1},
            {"ActivationExpiredError": 1, "TwoFactorActivation": 1},
        )

    async def test_against_the_flag_going_off(
        self, env: Environment, member: models.User, ada: SignedIn, run: Race
    ) -> None:
        """Confirmed while codes go off: codes are issued, or 2FA is active without; no third way (I7, rule 16)."""
        mia = await session_of(env, member)
        activation = await start_activation(env, CLIENT, mia.viewer, PASSWORD)
        right = Authenticator(activation.key).otp(env.now())

        outcomes = await run(
            [
                attempt("confirm", session=mia.token, activation=activation.activation_id, otp=right),
                attempt("set_policy", session=ada.token, password=PASSWORD, codes=False),
            ]
        )

        assert outcomes.pop("SecurityPolicyUpdated") == 1
        assert outcomes in ({"BackupCodesIssued": 1}, {"TwoFactorActivated": 1})
        assert await count(env, models.BackupCodeSet) == outcomes["BackupCodesIssued"]


class TestRemoval:
    async def test_deactivated_at_once(self, env: Environment, mia: WithTwoFactor, run: Race, trail: Trail) -> None:
        """2FA goes off once: one event, one letter."""
        await trail.news()

        outcomes = await run([attempt("deactivate", session=mia.token, password=PASSWORD)] * 3)

        assert outcomes == {"TwoFactorDeactivated": 1, "TwoFactorNotActiveError": 2}
        assert await trail.news() == told(Event.TWO_FACTOR_DEACTIVATED, Letter.TWO_FACTOR_DEACTIVATED)

    async def test_deactivated_against_a_sign_in(
        self, env: Environment, member: models.User, mia: WithTwoFactor, run: Race
    ) -> None:
        """The sign-in came before and its session is over, or the challenge is: no other session is left either way."""
        challenge = await challenge_of(env, member.email)

        outcomes = await run(
            [
                attempt("deactivate", session=mia.token, password=PASSWORD),
                attempt("give_otp", challenge=challenge, otp=mia.app.otp(env.now())),
            ]
        )

        assert outcomes.pop("TwoFactorDeactivated") == 1
        assert outcomes in ({"LoggedIn": 1}, {"ChallengeExpiredError": 1})
        assert await count(env, models.Session, user_id=member.id) == 1

    async def test_reset_against_a_sign_in(
        self, env: Environment, member: models.User, mia: WithTwoFactor, ada: SignedIn, run: Race
    ) -> None:
        """Whichever comes first, the reset leaves no session (I3, I7)."""
        challenge = await challenge_of(env, member.email)

        outcomes = await run(
            [
                attempt("reset", session=ada.token, user_id=str(member.id), password=PASSWORD),
                attempt("give_otp", challenge=challenge, otp=mia.app.otp(env.now())),
            ]
        )

        assert outcomes.pop("TwoFactorReset") == 1
        assert outcomes in ({"LoggedIn": 1}, {"ChallengeExpiredError": 1})
        assert await count(env, models.Session, user_id=member.id) == 0

    async def test_deactivated_against_enforcement(
        self, env: Environment, mia: WithTwoFactor, ada: SignedIn, run: Race
    ) -> None:
        """2FA went off before it was enforced, or it cannot go off any more (I7)."""
        outcomes = await run(
            [
                attempt("deactivate", session=mia.token, password=PASSWORD),
                attempt("set_policy", session=ada.token, password=PASSWORD, enforced=True),
            ]
        )

        assert outcomes.pop("SecurityPolicyUpdated") == 1
        assert outcomes in ({"TwoFactorDeactivated": 1}, {"TwoFactorIsEnforcedError": 1})

    async def test_two_admins_reset_each_other(
        self, env: Environment, clock: Clock, admin: models.User, member: models.User, run: Race
    ) -> None:
        """Neither waits for the other for ever: one reset is done, and the other admin is signed out by it."""
        async with env.database.transaction():
            await models.User.filter(id=member.id).update(role=models.Role.ADMIN)
        one, other = await activate(env, clock, admin), await activate(env, clock, member)

        outcomes = await run(
            [
                attempt("reset", session=one.token, user_id=str(member.id), password=PASSWORD),
                attempt("reset", session=other.token, user_id=str(admin.id), password=PASSWORD),
            ]
        )

        assert outcomes == {"TwoFactorReset": 1, "UnauthenticatedError": 1}
        assert await count(env, models.Authenticator) == 1


class TestPassword:
    async def test_changed_at_once(self, env: Environment, ada: SignedIn, run: Race, trail: Trail) -> None:
        """One change of the password is made; the other finds that its current password is no more."""
        await trail.news()
        outcomes = await run(
            [
                attempt(
                    "change_password", session=ada.token, password=PASSWORD, new_password=f"{word} and some more words"
                )
                for word in ("tr0ub4dor", "zebrafinch")
            ]
        )

        assert outcomes == {"PasswordChanged": 1, "WrongPasswordError": 1}
        news = Counter(await trail.news())
        assert (news[Event.PASSWORD_CHANGED], news[Letter.PASSWORD_CHANGED]) == (1, 1)

    async def test_logged_out_at_once(self, env: Environment, ada: SignedIn, run: Race, trail: Trail) -> None:
        """A session ends once, and is told once."""
        await trail.news()

        outcomes = await run([attempt("log_out", session=ada.token)] * 5)

        assert outcomes == {"LoggedOut": 5}
        assert await trail.news() == told(Event.LOGGED_OUT)


async def copies(env: Environment, user: models.User, number: int) -> list[str]:
    """More challenges of somebody who has given the right password, without a slow hash for each."""
    tokens = [env.new_token(TokenKind.CHALLENGE) for _ in range(number)]
    async with env.database.transaction():
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
