"""The life of an account, in any order: every operation, rightly and wrongly, against a plain model of what should be.

A few examples in the normal run, always the same; many more, and new ones each time, with `HYPOTHESIS_PROFILE=long`.
"""

import asyncio
import os
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import models
from models import LetterKind, Role, SecurityEventKind
from models.database import Database
from tests.conftest import KEYS, PASSWORD, make_user
from tests.flows.invariants import assert_invariants
from tests.flows.steps import CLIENT, TOKEN, WRONG_BACKUP_CODE, WRONG_PASSWORD, Trail, refresh, state
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock
from tests.support.databases import Template
from twofactor.access import Viewer
from twofactor.accounts import disable_user, enable_user
from twofactor.activation import acknowledge_backup_codes, confirm_otp, start_activation
from twofactor.addresses import AddressLimiter
from twofactor.backup_codes import regenerate_backup_codes
from twofactor.environment import Environment
from twofactor.errors import TwoFactorError
from twofactor.hashing import HashingPool
from twofactor.login import log_in, verify_login
from twofactor.passwords import change_password
from twofactor.policy import update_security_policy
from twofactor.removal import deactivate, reset_by_admin
from twofactor.results import (
    BackupCodesIssued,
    BackupCodesRegenerated,
    LoggedIn,
    SecondFactorRequired,
    Session,
    TwoFactorActivation,
    User,
)
from twofactor.rules.sealing import KeyRing
from twofactor.sessions import authenticate, log_out, revoke_session
from twofactor.upkeep import clear_away

Event = SecurityEventKind
Letter = LetterKind

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
PROFILE = settings(
    max_examples=400 if LONG else 8,
    stateful_step_count=60 if LONG else 30,
    derandomize=not LONG,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)

LONG_AGO = datetime.min.replace(tzinfo=UTC)
PASSWORDS = (PASSWORD, "tr0ub4dor and three more words", "zebrafinch and three more words")
ADVANCES = [
    timedelta(seconds=1),
    timedelta(seconds=30),
    timedelta(seconds=30),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(days=1),
    timedelta(days=7),
]
# How a one-time password is chosen: the drift of the app's clock in steps, or no OTP of the seed at all.
OTPS = st.sampled_from([0, 0, 0, 1, -1, 2, -2, "wrong", "wrong", "malformed"])
# Mostly the right password.
IS_RIGHT = st.sampled_from([True, True, True, False])
# Which of several things of one kind, the newest first.
WHICH = st.sampled_from([0, 0, 0, 1, 2, 3])
CODES = st.sampled_from(["unused", "unused", "used", "void", "waiting", "wrong", "malformed"])


@dataclass
class Budget:
    """Failures as they should be counted."""

    failures: int = 0
    since_sign_in: int = 0
    last: datetime = LONG_AGO

    def refusal(self, now: datetime, *, stops: bool) -> str | None:
        """Why the next attempt is not looked at."""
        if stops and self.since_sign_in >= 100:
            return "SecondFactorLockedError"
        waits = self.failures >= 5 and now - self.last < timedelta(seconds=min(30 * 2 ** (self.failures - 5), 3600))
        return "TooManyAttemptsError" if waits else None

    def fail(self, now: datetime) -> None:
        """An attempt was wrong."""
        self.failures, self.since_sign_in, self.last = self.failures + 1, self.since_sign_in + 1, now

    def start_over(self) -> None:
        """A sign-in was completed."""
        self.failures = self.since_sign_in = 0


@dataclass
class Activation:
    """The activation that is under way."""

    token: str
    app: Authenticator
    expires_at: datetime
    wrong: int = 0
    last_step: int = 0
    codes: list[str] = field(default_factory=list)
    confirmed: bool = False


@dataclass
class Sitting:
    """A session."""

    token: str
    id: UUID
    began: datetime
    last_seen: datetime


def has_session(life: "Life") -> bool:
    """Whether there is a session to do something with; else the step would be wasted."""
    return bool(life.sessions)


class Life(RuleBasedStateMachine):
    """One member, one admin, and everything that can happen to the member's account."""

    template: Template
    hashing: HashingPool

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.url = self.template.copy()
        self.clock = Clock()
        self.env = Environment(
            Database(self.url),
            KeyRing.parse(KEYS),
            self.hashing,
            AddressLimiter(failures_allowed=1_000_000),
            "Countersign",
            self.clock,
        )
        self.trail = Trail(self.env)
        # What should be.
        self.password = PASSWORD
        self.enabled = True
        self.enforced, self.codes_on = False, True
        self.sessions: list[Sitting] = []
        self.ended: list[str] = []
        self.challenges: dict[str, datetime] = {}
        self.past_challenges: list[str] = []
        self.activation: Activation | None = None
        self.past_activations: list[str] = []
        self.app: Authenticator | None = None
        self.last_step = 0
        self.activated_by: tuple[str, str] | None = None
        self.codes: dict[str, list[str]] = {"unused": [], "used": [], "void": []}
        self.budgets = {"password": Budget(), "otp": Budget(), "code": Budget(), "admin": Budget()}
        self.warned_at: datetime | None = None

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.runner.run(self.env.database.close())
        self.runner.close()
        self.template.drop(self.url)

    # What is done, and whether it went as it should.

    def do(self, attempt: Awaitable[Any], expected: str, *news: Event | Letter, changes: bool = True) -> Any:  # noqa: ANN401
        """Make an attempt, and compare what it answered, wrote and changed with what it should have."""

        async def compared() -> Any:  # noqa: ANN401
            before = await state(self.env)
            try:
                answer = await attempt
            except TwoFactorError as refusal:
                answer = refusal
            assert type(answer).__name__ == expected
            assert await self.trail.news() == sorted(news)
            if not changes or isinstance(answer, TwoFactorError):
                assert without_counters(await state(self.env)) == without_counters(before)
            return answer

        return self.runner.run(compared())

    def viewer(self, which: int) -> Viewer | None:
        """The viewer of one of the sessions, as its next request finds them; None where there is none that is good."""
        if not self.sessions:
            return None
        sitting = self.sessions[-1 - which % len(self.sessions)]
        found = self.runner.run(authenticate(self.env, sitting.token))
        is_live = self.now - sitting.began < timedelta(days=30) and self.now - sitting.last_seen < timedelta(days=7)
        assert (found is not None) == is_live
        if found and self.now - sitting.last_seen >= timedelta(minutes=1):
            sitting.last_seen = self.now
        return found

    @property
    def now(self) -> datetime:
        """The present instant."""
        return self.clock.now

    def start_session(self, answer: LoggedIn) -> None:
        """A session began."""
        self.sessions.append(Sitting(answer.token, answer.session.id, self.now, self.now))

    def end_sessions(self, but: UUID | None = None) -> None:
        """All sessions but one are over."""
        self.ended += [sitting.token for sitting in self.sessions if sitting.id != but]
        self.sessions = [sitting for sitting in self.sessions if sitting.id == but]

    def end_what_is_open(self) -> None:
        """Challenges and the activation are over."""
        self.past_challenges += self.challenges
        self.challenges = {}
        self.end_activation()

    def end_activation(self) -> None:
        """The activation is over, and its codes with it."""
        if self.activation:
            self.past_activations.append(self.activation.token)
            self.codes["void"] += self.activation.codes
        self.activation = None

    def remove(self) -> None:
        """2FA is off."""
        self.app, self.activated_by = None, None
        self.replace_codes([])
        self.end_what_is_open()
        self.budgets |= {"otp": Budget(), "code": Budget()}

    def replace_codes(self, codes: list[str]) -> None:
        """The codes in force are others."""
        self.codes["void"] += self.codes["unused"] + self.codes["used"]
        self.codes |= {"unused": list(codes), "used": []}

    def ask_password(self, budget: str, *, right: bool) -> tuple[str, list[Event]] | None:
        """How the password is refused, and what is told of it; None where it is accepted."""
        counted = self.budgets[budget]
        if refusal := counted.refusal(self.now, stops=False):
            return refusal, []
        counted.fail(self.now)
        if right:
            counted.failures = 0
            return None
        return "WrongPasswordError", [Event.REAUTHENTICATION_FAILED] + [Event.LOCKED] * (counted.failures >= 5)

    # The rules.

    @initialize(active=st.sampled_from([True, True, False]))
    def begin(self, active: bool) -> None:  # noqa: FBT001
        """A company account with a member, without 2FA or with it, and an admin who has it."""
        self.runner.run(self._begin())
        self.log_in(is_right=True)
        if active:
            self.start(which=0, is_right=True)
            self.confirm(which=0, past=False, otp=0)
            self.acknowledge(which=0, past=False)

    async def _begin(self) -> None:
        await self.env.database.open()
        async with self.env.database.transaction():
            self.company = await models.Company.create(name="Acme", created_at=self.now)
        password_hash = await self.hashing.hash_password(PASSWORD)
        people = self.env.database, self.company, password_hash, self.clock
        self.member = await make_user(*people, name="Mia")
        admin = await make_user(*people, name="Ada", role=Role.ADMIN)
        sealed = self.env.seal(self.env.new_seed(), admin.id)
        async with self.env.database.transaction():
            await models.Authenticator.create(
                user_id=admin.id,
                sealed_seed=sealed.box,
                key_id=sealed.key_id,
                last_step=0,
                activation_token_hash="",
                activated_by_acknowledgement=True,
            )
            await models.User.filter(id=admin.id).update(two_factor_activated_at=self.now)
            session = await models.Session.create(
                token_hash="",
                user_id=admin.id,
                created_at=self.now,
                last_seen_at=self.now.replace(year=2100),
                expires_at=self.now.replace(year=2100),
            )
            row = await models.Session.get(id=session.id).select_related("user__company")
        self.admin = Viewer(User.of(row.user, row.user.company), Session.of(row, current=True))

    @rule(by=st.sampled_from(ADVANCES))
    def time_passes(self, by: timedelta) -> None:
        """Time passes."""
        self.clock.advance(by)

    @rule(is_right=IS_RIGHT)
    def log_in(self, is_right: bool) -> None:  # noqa: FBT001
        """The first step of a sign-in."""
        password = self.password if is_right else WRONG_PASSWORD
        attempt = log_in(self.env, CLIENT, self.member.email, password, TOKEN)
        refused = self.ask_password("password", right=is_right and self.enabled)
        if refused:
            refusal, _ = refused
            if refusal == "WrongPasswordError":
                locked = [Event.LOCKED] * (self.budgets["password"].failures >= 5)
                self.do(attempt, "WrongEmailOrPasswordError", Event.LOGIN_FAILED, *locked)
            else:
                self.do(attempt, refusal)
        elif self.app is None:
            self.start_session(self.do(attempt, "LoggedIn", Event.LOGIN_SUCCEEDED))
        else:
            answer: SecondFactorRequired = self.do(attempt, "SecondFactorRequired")
            assert len(answer.methods) == 1 + (self.codes_on and bool(self.codes["unused"]))
            self.challenges[answer.challenge_token] = self.now + timedelta(minutes=5)

    def a_challenge(self, which: int, *, past: bool) -> str | None:
        """One of the challenges that are open, or were."""
        tokens = self.past_challenges if past else list(self.challenges)
        return tokens[-1 - which % len(tokens)] if tokens else None

    @precondition(lambda self: self.challenges or self.past_challenges)
    @rule(which=WHICH, past=st.sampled_from([False, False, False, True]), otp=OTPS)
    def give_otp(self, which: int, past: bool, otp: int | str) -> None:  # noqa: FBT001
        """The second step, with an OTP."""
        challenge = self.a_challenge(which, past=past)
        if challenge is None:
            return
        text, step = self.an_otp(self.app, otp)
        attempt = verify_login(self.env, CLIENT, challenge, otp=text, backup_code=None)
        self.give_second_factor(attempt, challenge, "otp", malformed=otp == "malformed", right=step > self.last_step)
        if self.given:
            self.last_step = step

    @precondition(lambda self: self.challenges or self.past_challenges)
    @rule(which=WHICH, past=st.sampled_from([False, False, False, True]), kind=CODES)
    def give_backup_code(self, which: int, past: bool, kind: str) -> None:  # noqa: FBT001
        """The second step, with a backup code."""
        challenge = self.a_challenge(which, past=past)
        waiting = self.activation.codes if self.activation else []
        candidates = (self.codes | {"waiting": waiting, "malformed": ["no code"]}).get(kind) or [WRONG_BACKUP_CODE]
        if challenge is None:
            return
        code = candidates[which % len(candidates)]
        right = self.codes_on and code in self.codes["unused"]
        attempt = verify_login(self.env, CLIENT, challenge, otp=None, backup_code=code)
        few = [Letter.FEW_BACKUP_CODES_LEFT] * (len(self.codes["unused"]) - 1 <= 2)
        self.give_second_factor(
            attempt,
            challenge,
            "code",
            malformed=code == "no code",
            right=right,
            news=[Event.BACKUP_CODE_USED, Letter.BACKUP_CODE_USED, *few],
        )
        if self.given:
            self.codes["unused"].remove(code)
            self.codes["used"].append(code)

    def give_second_factor(
        self,
        attempt: Awaitable[LoggedIn],
        challenge: str,
        budget: str,
        *,
        malformed: bool,
        right: bool,
        news: list[Event | Letter] | None = None,
    ) -> None:
        """The second step; `given` afterwards, where it completed a sign-in."""
        self.given = False
        counted = self.budgets[budget]
        if self.challenges.get(challenge, self.now) <= self.now:
            self.do(attempt, "ChallengeExpiredError")
        elif refusal := counted.refusal(self.now, stops=True):
            self.do(attempt, refusal)
        elif malformed:
            self.do(attempt, "WrongSecondFactorError")
        elif right:
            self.start_session(self.do(attempt, "LoggedIn", Event.LOGIN_SUCCEEDED, *(news or [])))
            del self.challenges[challenge]
            self.past_challenges.append(challenge)
            for each in ("otp", "code"):
                if each == budget or self.budgets[each].since_sign_in < 100:
                    self.budgets[each].start_over()
            self.given = True
        else:
            counted.fail(self.now)
            told: list[Event | Letter] = [Event.SECOND_FACTOR_FAILED]
            if counted.failures >= 5 or counted.since_sign_in >= 100:
                told.append(Event.LOCKED)
                if self.warned_at is None or self.now - self.warned_at >= timedelta(days=1):
                    self.warned_at = self.now
                    told.append(Letter.SECOND_FACTOR_WARNING)
            self.do(attempt, "WrongSecondFactorError", *told)

    def an_otp(self, app: Authenticator | None, otp: int | str) -> tuple[str, int]:
        """An OTP as it is chosen, and its step; step 0 where it can't be right."""
        if otp == "malformed":
            return "no OTP", 0
        if app is None:
            return "000000", 0
        if isinstance(otp, str):
            return app.wrong_otp(self.now), 0
        text = app.otp(self.now + timedelta(seconds=30 * otp))
        return text, int(self.now.timestamp()) // 30 + otp if abs(otp) <= 1 else 0

    @precondition(lambda self: self.app and self.enabled)
    @rule(otps=st.sampled_from([[0], [1], ["wrong", 0], [0, 0], ["wrong"] * 5, ["wrong"] * 6]))
    def sign_in_with_otps(self, otps: list[int | str]) -> None:
        """Both steps of a sign-in: with a right OTP, after wrong ones, or with one that is used twice."""
        for otp in otps:
            self.log_in(is_right=True)
            if self.challenges or self.past_challenges:
                self.give_otp(which=0, past=not self.challenges, otp=otp)

    @precondition(lambda self: self.app and self.enabled)
    @rule(kinds=st.sampled_from([["unused"], ["unused", "used"], ["wrong", "unused"], ["void"], ["wrong"] * 6]))
    def sign_in_with_codes(self, kinds: list[str]) -> None:
        """Both steps of a sign-in: with a right backup code, after wrong ones, or with one that is used twice."""
        for kind in kinds:
            self.log_in(is_right=True)
            if self.challenges or self.past_challenges:
                self.give_backup_code(which=0, past=not self.challenges, kind=kind)

    @precondition(lambda self: self.app is None and self.sessions)
    @rule(otp=st.sampled_from([0, 0, "wrong"]), acknowledges=st.sampled_from([True, True, False]))
    def set_up(self, otp: int | str, acknowledges: bool) -> None:  # noqa: FBT001
        """The whole of an activation, or most of it."""
        self.start(which=0, is_right=True)
        if self.activation and self.sessions:
            self.confirm(which=0, past=False, otp=otp)
        if acknowledges and self.activation and self.sessions:
            self.acknowledge(which=0, past=False)

    @precondition(lambda self: self.app)
    @rule(kind=st.sampled_from(["otp", "code"]), failures=st.sampled_from([98, 99]))
    def somebody_has_guessed_for_long(self, kind: str, failures: int) -> None:
        """A factor has been wrong almost a hundred times, the last time long ago."""
        long_ago = self.now - timedelta(hours=2)
        self.budgets[kind] = Budget(failures, failures, long_ago)
        factor = models.Factor.OTP if kind == "otp" else models.Factor.BACKUP_CODE
        self.runner.run(self._set_budget(factor, failures, long_ago))

    async def _set_budget(self, factor: models.Factor, failures: int, last: datetime) -> None:
        async with self.env.database.transaction():
            await models.AttemptBudget.update_or_create(
                {"failures": failures, "failures_since_sign_in": failures, "last_attempt_at": last},
                subject=self.member.id.hex,
                factor=factor,
            )

    @precondition(has_session)
    @rule(which=WHICH, is_right=IS_RIGHT)
    def start(self, which: int, is_right: bool) -> None:  # noqa: FBT001
        """The member begins an activation."""
        if (viewer := self.viewer(which)) is None:
            return
        attempt = start_activation(self.env, CLIENT, viewer, self.password if is_right else WRONG_PASSWORD)
        if refused := self.ask_password("password", right=is_right):
            self.do(attempt, refused[0], *refused[1])
        elif self.app:
            self.do(attempt, "TwoFactorAlreadyActiveError")
        else:
            answer: TwoFactorActivation = self.do(attempt, "TwoFactorActivation", Event.TWO_FACTOR_ACTIVATION_STARTED)
            self.end_activation()
            app = Authenticator.parse(answer.otpauth_uri)
            self.activation = Activation(answer.activation_id, app, self.now + timedelta(minutes=10))

    def an_activation(self, which: int, *, past: bool) -> str | None:
        """The token of the activation under way, or of an earlier one."""
        if past:
            return self.past_activations[-1 - which % len(self.past_activations)] if self.past_activations else None
        return self.activation.token if self.activation else None

    def open_activation(self, token: str) -> Activation | None:
        """The activation of this token, if it can be gone on with."""
        found = self.activation
        is_open = found and found.token == token and self.now < found.expires_at and found.wrong < 5
        return found if is_open else None

    @precondition(lambda self: self.activation or self.past_activations)
    @rule(which=WHICH, past=st.sampled_from([False, False, True]), otp=OTPS)
    def confirm(self, which: int, past: bool, otp: int | str) -> None:  # noqa: FBT001
        """The member proves that the app is set up."""
        viewer, token = self.viewer(which), self.an_activation(which, past=past)
        if viewer is None or token is None:
            return
        found = self.open_activation(token)
        text, step = self.an_otp(found.app if found else self.app, otp)
        attempt = confirm_otp(self.env, CLIENT, viewer, token, text)
        if found is None:
            repeats = self.activated_by == (token, "confirm")
            self.do(attempt, "TwoFactorActivated" if repeats else "ActivationExpiredError", changes=False)
        elif otp == "malformed":
            self.do(attempt, "WrongOtpError")
        elif step <= found.last_step:
            found.wrong += 1
            self.do(attempt, "WrongOtpError", Event.SECOND_FACTOR_FAILED)
        elif self.codes_on:
            answer: BackupCodesIssued = self.do(attempt, "BackupCodesIssued", Event.BACKUP_CODES_ISSUED)
            self.codes["void"] += found.codes
            found.last_step, found.confirmed, found.codes = step, True, list(answer.codes)
        else:
            found.last_step = step
            self.do(attempt, "TwoFactorActivated", Event.TWO_FACTOR_ACTIVATED, Letter.TWO_FACTOR_ACTIVATED)
            self.activate(found, viewer, "confirm", [])

    @precondition(lambda self: self.activation or self.past_activations)
    @rule(which=WHICH, past=st.sampled_from([False, False, True]))
    def acknowledge(self, which: int, past: bool) -> None:  # noqa: FBT001
        """The member has stored the codes."""
        viewer, token = self.viewer(which), self.an_activation(which, past=past)
        if viewer is None or token is None:
            return
        found = self.open_activation(token)
        attempt = acknowledge_backup_codes(self.env, CLIENT, viewer, token)
        if found is None:
            repeats = self.activated_by == (token, "acknowledge")
            self.do(attempt, "TwoFactorActivated" if repeats else "ActivationExpiredError", changes=False)
        elif not found.confirmed:
            self.do(attempt, "OtpNotConfirmedError")
        else:
            self.do(attempt, "TwoFactorActivated", Event.TWO_FACTOR_ACTIVATED, Letter.TWO_FACTOR_ACTIVATED)
            codes, found.codes = found.codes, []
            self.activate(found, viewer, "acknowledge", codes)

    def activate(self, done: Activation, viewer: Viewer, by: str, codes: list[str]) -> None:
        """2FA is on."""
        self.app, self.last_step, self.activated_by = done.app, done.last_step, (done.token, by)
        self.end_what_is_open()
        self.replace_codes(codes)
        self.end_sessions(but=viewer.session.id)

    @precondition(has_session)
    @rule(which=WHICH, is_right=IS_RIGHT)
    def regenerate(self, which: int, is_right: bool) -> None:  # noqa: FBT001
        """The member replaces all backup codes."""
        if (viewer := self.viewer(which)) is None:
            return
        attempt = regenerate_backup_codes(self.env, CLIENT, viewer, self.password if is_right else WRONG_PASSWORD)
        if refused := self.ask_password("password", right=is_right):
            self.do(attempt, refused[0], *refused[1])
        elif self.app is None:
            self.do(attempt, "TwoFactorNotActiveError")
        elif not self.codes_on:
            self.do(attempt, "BackupCodesDisabledError")
        else:
            news = Event.BACKUP_CODES_ISSUED, Letter.BACKUP_CODES_REGENERATED
            answer: BackupCodesRegenerated = self.do(attempt, "BackupCodesRegenerated", *news)
            self.replace_codes(list(answer.codes))
            self.end_what_is_open()

    @precondition(has_session)
    @rule(which=WHICH, is_right=IS_RIGHT)
    def deactivate(self, which: int, is_right: bool) -> None:  # noqa: FBT001
        """The member switches 2FA off."""
        if (viewer := self.viewer(which)) is None:
            return
        attempt = deactivate(self.env, CLIENT, viewer, self.password if is_right else WRONG_PASSWORD)
        if refused := self.ask_password("password", right=is_right):
            self.do(attempt, refused[0], *refused[1])
        elif self.app is None:
            self.do(attempt, "TwoFactorNotActiveError")
        elif self.enforced:
            self.do(attempt, "TwoFactorIsEnforcedError")
        else:
            self.do(attempt, "TwoFactorDeactivated", Event.TWO_FACTOR_DEACTIVATED, Letter.TWO_FACTOR_DEACTIVATED)
            self.remove()
            self.end_sessions(but=viewer.session.id)

    @rule(is_right=IS_RIGHT)
    def reset(self, is_right: bool) -> None:  # noqa: FBT001
        """The admin switches the member's 2FA off."""
        admin = self.runner.run(refresh(self.env, self.admin))
        password = PASSWORD if is_right else WRONG_PASSWORD
        attempt = reset_by_admin(self.env, CLIENT, admin, self.member.id, password, "lost the phone")
        if refused := self.ask_password("admin", right=is_right):
            self.do(attempt, refused[0], *refused[1])
        elif self.app is None:
            self.do(attempt, "TwoFactorNotActiveError")
        else:
            self.do(attempt, "TwoFactorReset", Event.TWO_FACTOR_RESET, Letter.TWO_FACTOR_RESET)
            self.remove()
            self.end_sessions()

    @rule(enforced=st.sampled_from([None, True, False]), codes=st.sampled_from([None, True, False]))
    def set_policy(self, enforced: bool | None, codes: bool | None) -> None:  # noqa: FBT001
        """The admin changes the rules of the company account."""
        admin = self.runner.run(refresh(self.env, self.admin))
        attempt = update_security_policy(
            self.env, CLIENT, admin, PASSWORD, two_factor_enforced=enforced, backup_codes_enabled=codes
        )
        if refused := self.ask_password("admin", right=True):
            self.do(attempt, refused[0], *refused[1])
            return
        changes = enforced not in {None, self.enforced} or codes not in {None, self.codes_on}
        self.do(attempt, "SecurityPolicyUpdated", *[Event.SECURITY_POLICY_CHANGED] * changes, changes=changes)
        self.enforced = self.enforced if enforced is None else enforced
        self.codes_on = self.codes_on if codes is None else codes

    @precondition(has_session)
    @rule(which=WHICH, is_right=IS_RIGHT, new=st.sampled_from([*PASSWORDS, "password1234"]))
    def change_password(self, which: int, is_right: bool, new: str) -> None:  # noqa: FBT001
        """The member sets a new password."""
        if (viewer := self.viewer(which)) is None:
            return
        attempt = change_password(self.env, CLIENT, viewer, self.password if is_right else WRONG_PASSWORD, new)
        if refused := self.ask_password("password", right=is_right):
            self.do(attempt, refused[0], *refused[1])
        elif new not in PASSWORDS:
            self.do(attempt, "PasswordTooWeakError")
        else:
            self.do(attempt, "PasswordChanged", Event.PASSWORD_CHANGED, Letter.PASSWORD_CHANGED)
            self.password = new
            self.end_what_is_open()
            self.end_sessions(but=viewer.session.id)

    @precondition(has_session)
    @rule(which=WHICH)
    def log_out(self, which: int) -> None:
        """The member signs out."""
        if (viewer := self.viewer(which)) is None:
            return
        self.do(log_out(self.env, CLIENT, viewer), "LoggedOut", Event.LOGGED_OUT)
        self.end_one(viewer.session.id)

    @precondition(has_session)
    @rule(which=WHICH, other=WHICH)
    def revoke(self, which: int, other: int) -> None:
        """The member ends a session from another one."""
        if (viewer := self.viewer(which)) is None or (target := self.viewer(other)) is None:
            return
        attempt = revoke_session(self.env, CLIENT, viewer, target.session.id)
        self.do(attempt, "SessionRevoked", Event.SESSION_REVOKED)
        self.do(revoke_session(self.env, CLIENT, viewer, target.session.id), "SessionNotFoundError")
        self.end_one(target.session.id)

    def end_one(self, session_id: UUID) -> None:
        """A session is over."""
        self.ended += [sitting.token for sitting in self.sessions if sitting.id == session_id]
        self.sessions = [sitting for sitting in self.sessions if sitting.id != session_id]

    @precondition(lambda self: self.enabled)
    @rule(really=st.sampled_from([False] * 5 + [True]))
    def disable(self, really: bool) -> None:  # noqa: FBT001
        """The operator disables the member, now and then."""
        if really:
            self.do(disable_user(self.env, self.member.id), "NoneType", Event.USER_DISABLED)
            self.end_what_is_open()
            self.end_sessions()
            self.enabled = False

    @precondition(lambda self: not self.enabled)
    @rule()
    def enable(self) -> None:
        """The operator enables the member again."""
        self.do(enable_user(self.env, self.member.id), "NoneType", Event.USER_ENABLED)
        self.enabled = True

    @rule(really=st.sampled_from([False] * 5 + [True]))
    def upkeep(self, really: bool) -> None:  # noqa: FBT001
        """What is over is cleared away, and nothing else, now and then."""
        if not really:
            return
        self.do(clear_away(self.env), "int")
        live = [
            sitting
            for sitting in self.sessions
            if self.now - sitting.began < timedelta(days=30) and self.now - sitting.last_seen < timedelta(days=7)
        ]
        self.ended += [sitting.token for sitting in self.sessions if sitting not in live]
        self.sessions = live
        self.past_challenges += [token for token, until in self.challenges.items() if until <= self.now]
        self.challenges = {token: until for token, until in self.challenges.items() if until > self.now}
        if self.activation and self.activation.expires_at <= self.now:
            self.end_activation()
        for each in ("password", "admin"):
            if self.budgets[each].failures and self.now - self.budgets[each].last >= timedelta(days=1):
                self.budgets[each] = Budget()

    # What always holds.

    @invariant()
    def is_whole(self) -> None:
        """The account is whole, and stands where it should."""
        if hasattr(self, "admin"):
            self.runner.run(self._is_whole())

    async def _is_whole(self) -> None:
        await assert_invariants(self.env)
        async with self.env.database.transaction():
            user = await models.User.get(id=self.member.id)
            sessions = {row.id for row in await models.Session.filter(user_id=user.id)}
            challenges = await models.Challenge.filter(user_id=user.id).count()
            activations = await models.Activation.filter(user_id=user.id).count()
            waiting = await models.BackupCode.filter(code_set__activation_id__isnull=False).count()
        assert (user.two_factor_activated_at is not None) == (self.app is not None)
        assert user.backup_codes_remaining == len(self.codes["unused"])
        assert sessions == {sitting.id for sitting in self.sessions}
        assert challenges == len(self.challenges)
        assert activations == (self.activation is not None)
        assert waiting == len(self.activation.codes if self.activation else [])
        for token in self.ended[-3:]:
            assert await authenticate(self.env, token) is None


# What a refusal may change besides what it tells.
COUNTERS = {"user_account": {"second_factor_warned_at"}, "activation": {"attempts"}}


def without_counters(rows: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """The same without what a refusal may change."""
    return {
        table: [{key: value for key, value in row.items() if key not in COUNTERS.get(table, ())} for row in content]
        for table, content in rows.items()
    }


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_whatever_happens_an_account_stands_where_it_should(
    request: pytest.FixtureRequest, hashing: HashingPool, dialect: str
) -> None:
    """In any order of operations, right and wrong, each answers, tells and changes what it should, and nothing else."""
    machine = type("Life", (Life,), {"template": request.getfixturevalue(f"migrated_{dialect}"), "hashing": hashing})

    run_state_machine_as_test(machine, settings=PROFILE)
