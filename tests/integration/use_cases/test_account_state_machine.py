"""A state machine that runs the operations of an account in any order and compares each result with a simple model.

The normal run uses a few examples, always the same ones. With `HYPOTHESIS_PROFILE=long` it uses many new ones.
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
from accounts.entities import Session, User
from accounts.passwords import change_password
from accounts.permissions import Viewer
from accounts.security_policy import update_security_policy
from accounts.services import Services
from accounts.sessions import LoggedIn, authenticate, log_out, revoke_session
from accounts.users import disable_user, enable_user
from models import Role, SecurityEventKind
from models.database import Database
from security.errors import DomainError
from security.fair_queue import COMMAND_LINE
from security.ip_rate_limiter import IpRateLimiter
from security.key_ring import KeyRing
from security.password_hashing import HashingPool
from tests.integration.use_cases.helpers import CLIENT, TOKEN, SideEffects, account_rows, clean_up, reload_viewer
from tests.integration.use_cases.invariants import assert_invariants
from tests.support.attempts import set_attempt_count
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock
from tests.support.databases import DatabaseTemplate
from tests.support.users import KEYS, PASSWORD, WRONG_BACKUP_CODE, WRONG_PASSWORD, make_user
from twofactor.activation import acknowledge_backup_codes, start_activation
from twofactor.confirmation import BackupCodesIssued, confirm_otp
from twofactor.factors.authenticator import AuthenticatorActivation
from twofactor.factors.backup_codes import BackupCodesRegenerated, regenerate_backup_codes
from twofactor.login import SecondFactorRequired, log_in
from twofactor.removal import deactivate, reset_by_admin
from twofactor.second_factor import verify_login

Event = SecurityEventKind

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
# How an OTP is chosen: the drift of the authenticator's clock in time steps, or an OTP that is not of the secret.
OTPS = st.sampled_from([0, 0, 0, 1, -1, 2, -2, "wrong", "wrong", "malformed"])
# Mostly the right password.
IS_RIGHT = st.sampled_from([True, True, True, False])
# The index of one of several items, the newest first.
WHICH = st.sampled_from([0, 0, 0, 1, 2, 3])
CODES = st.sampled_from(["unused", "unused", "used", "void", "waiting", "wrong", "malformed"])


@dataclass
class AttemptLimitModel:
    """The expected number of failures of one factor."""

    failures: int = 0
    since_sign_in: int = 0
    last: datetime = LONG_AGO

    def error(self, now: datetime, *, can_lock: bool) -> str | None:
        """Return the expected error if the next attempt is not checked."""
        if can_lock and self.since_sign_in >= 100:
            return "SecondFactorLockedError"
        waits = self.failures >= 5 and now - self.last < timedelta(seconds=min(30 * 2 ** (self.failures - 5), 3600))
        return "TooManyAttemptsError" if waits else None

    def fail(self, now: datetime) -> None:
        """Count a failed attempt."""
        self.failures, self.since_sign_in, self.last = self.failures + 1, self.since_sign_in + 1, now

    def reset(self) -> None:
        """Reset the count after a completed sign-in."""
        self.failures = self.since_sign_in = 0


@dataclass
class ActivationModel:
    """The expected open activation."""

    token: str
    authenticator: Authenticator
    expires_at: datetime
    wrong: int = 0
    last_step: int = 0
    codes: list[str] = field(default_factory=list)
    confirmed: bool = False
    # The session and the OTP that confirmed it. The same session can repeat the OTP.
    confirmed_by: tuple[UUID, str] | None = None


@dataclass
class ReplacementModel:
    """The expected new codes that wait for the acknowledgement."""

    token: str
    codes: list[str]
    expires_at: datetime


@dataclass
class SessionModel:
    """An expected session."""

    token: str
    id: UUID
    created_at: datetime
    last_seen_at: datetime

    def is_live(self, now: datetime) -> bool:
        """Return whether the session has not expired."""
        return now - self.created_at < timedelta(days=30) and now - self.last_seen_at < timedelta(days=7)


def has_session(machine: "AccountStateMachine") -> bool:
    """Return whether there is a session. Without one the rule does nothing and wastes a step."""
    return bool(machine.sessions)


class AccountStateMachine(RuleBasedStateMachine):
    """One member, one admin, and all operations that change the member's account."""

    template: DatabaseTemplate
    hashing: HashingPool

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.url = self.template.copy()
        self.clock = Clock()
        self.services = Services(
            Database(self.url),
            KeyRing.parse(KEYS),
            self.hashing,
            IpRateLimiter(failures_allowed=1_000_000),
            "Countersign",
            self.clock,
        )
        self.side_effects = SideEffects(self.services)
        # The model.
        self.password = PASSWORD
        self.enabled = True
        self.enforced, self.codes_on = False, True
        self.sessions: list[SessionModel] = []
        self.ended: list[str] = []
        self.challenges: dict[str, datetime] = {}
        self.past_challenges: list[str] = []
        self.activation: ActivationModel | None = None
        self.past_activations: list[str] = []
        self.authenticator: Authenticator | None = None
        self.last_step = 0
        self.activated_by: str | None = None
        self.replacement: ReplacementModel | None = None
        self.past_replacements: list[str] = []
        # The token of the replacement that put the codes in force.
        self.replaced_by: str | None = None
        self.codes: dict[str, list[str]] = {"unused": [], "used": [], "void": []}
        self.attempt_counts = {
            "password": AttemptLimitModel(),
            "otp": AttemptLimitModel(),
            "code": AttemptLimitModel(),
            "admin": AttemptLimitModel(),
        }
        self.warned_at: datetime | None = None
        self.told_of_lapse_at: datetime | None = None
        self.logged_in_at: datetime | None = None

    def teardown(self) -> None:
        """Close and delete the database."""
        self.runner.run(self.services.database.close())
        self.runner.close()
        self.template.drop(self.url)

    # Run an operation and check its result.

    def check(self, attempt: Awaitable[Any], expected: str, *kinds: Event | str, changes: bool = True) -> Any:  # noqa: ANN401
        """Run an operation, and compare its result, its events and emails, and its changes with the expected ones."""

        async def compared() -> Any:  # noqa: ANN401
            before = await account_rows(self.services)
            try:
                answer = await attempt
            except DomainError as error:
                answer = error
            assert type(answer).__name__ == expected
            assert await self.side_effects.new() == sorted(kinds)
            if not changes or isinstance(answer, DomainError):
                assert without_counters(await account_rows(self.services)) == without_counters(before)
            return answer

        return self.runner.run(compared())

    def viewer(self, which: int) -> Viewer | None:
        """Return the viewer of a session, as its next request loads them. Return None if there is no live session."""
        if not self.sessions:
            return None
        session = self.sessions[-1 - which % len(self.sessions)]
        found = self.runner.run(authenticate(self.services, session.token))
        assert (found is not None) == session.is_live(self.now)
        if found and self.now - session.last_seen_at >= timedelta(minutes=1):
            session.last_seen_at = self.now
        return found

    @property
    def now(self) -> datetime:
        """Return the current time."""
        return self.clock.now

    def start_session(self, answer: LoggedIn) -> None:
        """Add a session to the model."""
        self.logged_in_at = self.now
        self.sessions.append(SessionModel(answer.token, answer.session.id, self.now, self.now))

    def end_sessions(self, keep: UUID | None = None) -> None:
        """End all sessions of the model except one."""
        self.ended += [session.token for session in self.sessions if session.id != keep]
        self.sessions = [session for session in self.sessions if session.id == keep]

    def end_challenges_and_activation(self) -> None:
        """End the open challenges and the activation of the model."""
        self.past_challenges += self.challenges
        self.challenges = {}
        self.end_activation()
        self.end_replacement()

    def end_replacement(self) -> None:
        """End the new codes of the model that wait for the acknowledgement."""
        if self.replacement:
            self.past_replacements.append(self.replacement.token)
            self.codes["void"] += self.replacement.codes
        self.replacement = None

    def end_activation(self) -> None:
        """End the activation of the model and its codes."""
        if self.activation:
            self.past_activations.append(self.activation.token)
            self.codes["void"] += self.activation.codes
        self.activation = None

    def remove_two_factor(self) -> None:
        """Turn 2FA off in the model."""
        self.authenticator, self.activated_by = None, None
        self.replace_codes([])
        self.end_challenges_and_activation()
        self.attempt_counts |= {"otp": AttemptLimitModel(), "code": AttemptLimitModel()}

    def replace_codes(self, codes: list[str], by: str | None = None) -> None:
        """Replace the valid codes of the model."""
        self.replaced_by = by
        self.codes["void"] += self.codes["unused"] + self.codes["used"]
        self.codes |= {"unused": list(codes), "used": []}

    def password_error(self, limit: str, *, right: bool) -> tuple[str, list[Event]] | None:
        """Return the expected error and events of a password check, or None if the password is accepted."""
        counted = self.attempt_counts[limit]
        if error := counted.error(self.now, can_lock=False):
            return error, []
        counted.fail(self.now)
        if right:
            counted.failures = 0
            return None
        return "WrongPasswordError", [Event.REAUTHENTICATION_FAILED] + [Event.LOCKED] * (counted.failures >= 5)

    # The rules.

    @initialize(active=st.sampled_from([True, True, False]))
    def set_up_account(self, active: bool) -> None:  # noqa: FBT001
        """Create a company account with a member, with or without 2FA, and an admin with 2FA."""
        self.runner.run(self._create_users())
        self.log_in(is_right=True)
        if active:
            self.start(which=0, is_right=True)
            self.confirm(which=0, past=False, otp=0)
            self.acknowledge(which=0, past=False)

    async def _create_users(self) -> None:
        await self.services.database.open()
        async with self.services.database.transaction():
            self.company = await models.Company.create(name="Acme", created_at=self.now)
        async with self.hashing.admit(COMMAND_LINE) as hasher:
            password_hash = await hasher.hash_password(PASSWORD)
        common = self.services.database, self.company, password_hash, self.clock
        self.member = await make_user(*common, name="Mia")
        admin = await make_user(*common, name="Ada", role=Role.ADMIN)
        encrypted = self.services.encrypt(self.services.new_totp_secret(), admin.id)
        async with self.services.database.transaction():
            await models.Authenticator.create(
                user_id=admin.id,
                encrypted_secret=encrypted.ciphertext,
                key_id=encrypted.key_id,
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
    def advance_clock(self, by: timedelta) -> None:
        """Advance the clock."""
        self.clock.advance(by)

    @rule(is_right=IS_RIGHT)
    def log_in(self, is_right: bool) -> None:  # noqa: FBT001
        """Sign in with a right or a wrong password."""
        password = self.password if is_right else WRONG_PASSWORD
        attempt = log_in(self.services, CLIENT, self.member.email, password, TOKEN)
        rejected = self.password_error("password", right=is_right and self.enabled)
        if rejected:
            error, _ = rejected
            if error == "WrongPasswordError":
                locked = [Event.LOCKED] * (self.attempt_counts["password"].failures >= 5)
                self.check(attempt, "WrongEmailOrPasswordError", Event.LOGIN_FAILED, *locked)
            else:
                self.check(attempt, error)
        elif self.authenticator is None:
            self.start_session(self.check(attempt, "LoggedIn", Event.LOGIN_SUCCEEDED))
        else:
            answer: SecondFactorRequired = self.check(attempt, "SecondFactorRequired", Event.SECOND_FACTOR_REQUIRED)
            assert len(answer.methods) == 1 + (self.codes_on and bool(self.codes["unused"]))
            self.challenges[answer.challenge_token] = self.now + timedelta(minutes=5)

    def choose_challenge(self, which: int, *, past: bool) -> str | None:
        """Return the token of an open or an ended challenge."""
        tokens = self.past_challenges if past else list(self.challenges)
        return tokens[-1 - which % len(tokens)] if tokens else None

    @precondition(lambda self: self.challenges or self.past_challenges)
    @rule(which=WHICH, past=st.sampled_from([False, False, False, True]), otp=OTPS)
    def verify_otp(self, which: int, past: bool, otp: int | str) -> None:  # noqa: FBT001
        """Complete a sign-in with an OTP."""
        challenge = self.choose_challenge(which, past=past)
        if challenge is None:
            return
        text, step = self.choose_otp(self.authenticator, otp)
        attempt = verify_login(self.services, CLIENT, challenge, kind="OTP", text=text)
        self.verify_second_factor(attempt, challenge, "otp", malformed=otp == "malformed", right=step > self.last_step)
        if self.signed_in:
            self.last_step = step

    @precondition(lambda self: self.challenges or self.past_challenges)
    @rule(which=WHICH, past=st.sampled_from([False, False, False, True]), kind=CODES)
    def verify_backup_code(self, which: int, past: bool, kind: str) -> None:  # noqa: FBT001
        """Complete a sign-in with a backup code."""
        challenge = self.choose_challenge(which, past=past)
        unfinished = self.replacement or self.activation
        waiting = unfinished.codes if unfinished else []
        candidates = (self.codes | {"waiting": waiting, "malformed": ["not a code"]}).get(kind) or [WRONG_BACKUP_CODE]
        if challenge is None:
            return
        code = candidates[which % len(candidates)]
        right = self.codes_on and code in self.codes["unused"]
        attempt = verify_login(self.services, CLIENT, challenge, kind="BACKUP_CODE", text=code)
        few = ["few_backup_codes_left"] * (len(self.codes["unused"]) - 1 <= 2)
        self.verify_second_factor(
            attempt,
            challenge,
            "code",
            malformed=code == "not a code",
            right=right,
            success_kinds=[Event.BACKUP_CODE_USED, "backup_code_used", *few],
        )
        if self.signed_in:
            self.codes["unused"].remove(code)
            self.codes["used"].append(code)

    def verify_second_factor(
        self,
        attempt: Awaitable[LoggedIn],
        challenge: str,
        limit: str,
        *,
        malformed: bool,
        right: bool,
        success_kinds: list[Event | str] | None = None,
    ) -> None:
        """Check a second factor. Afterwards `signed_in` shows whether it completed the sign-in."""
        self.signed_in = False
        counted = self.attempt_counts[limit]
        if self.challenges.get(challenge, self.now) <= self.now:
            self.check(attempt, "ChallengeExpiredError")
        elif error := counted.error(self.now, can_lock=True):
            self.check(attempt, error)
        elif malformed:
            self.check(attempt, "WrongSecondFactorError")
        elif right:
            self.start_session(self.check(attempt, "LoggedIn", Event.LOGIN_SUCCEEDED, *(success_kinds or [])))
            del self.challenges[challenge]
            self.past_challenges.append(challenge)
            for each in ("otp", "code"):
                if each == limit or self.attempt_counts[each].since_sign_in < 100:
                    self.attempt_counts[each].reset()
            self.signed_in = True
        else:
            counted.fail(self.now)
            failure_kinds: list[Event | str] = [Event.SECOND_FACTOR_FAILED]
            if counted.failures >= 5 or counted.since_sign_in >= 100:
                failure_kinds.append(Event.LOCKED)
                if self.warned_at is None or self.now - self.warned_at >= timedelta(days=1):
                    self.warned_at = self.now
                    failure_kinds.append("second_factor_warning")
            self.check(attempt, "WrongSecondFactorError", *failure_kinds)

    def choose_otp(self, authenticator: Authenticator | None, otp: int | str) -> tuple[str, int]:
        """Return the chosen OTP and its time step. The step is 0 if the OTP cannot be right."""
        if otp == "malformed":
            return "not an OTP", 0
        if authenticator is None:
            return "000000", 0
        if isinstance(otp, str):
            return authenticator.wrong_otp(self.now), 0
        text = authenticator.otp(self.now + timedelta(seconds=30 * otp))
        return text, int(self.now.timestamp()) // 30 + otp if abs(otp) <= 1 else 0

    @precondition(lambda self: self.authenticator and self.enabled)
    @rule(otps=st.sampled_from([[0], [1], ["wrong", 0], [0, 0], ["wrong"] * 5, ["wrong"] * 6]))
    def sign_in_with_otps(self, otps: list[int | str]) -> None:
        """Run complete sign-ins: with a right OTP, after wrong ones, or with one that is used twice."""
        for otp in otps:
            self.log_in(is_right=True)
            if self.challenges or self.past_challenges:
                self.verify_otp(which=0, past=not self.challenges, otp=otp)

    @precondition(lambda self: self.authenticator and self.enabled)
    @rule(kinds=st.sampled_from([["unused"], ["unused", "used"], ["wrong", "unused"], ["void"], ["wrong"] * 6]))
    def sign_in_with_codes(self, kinds: list[str]) -> None:
        """Run complete sign-ins: with a right backup code, after wrong ones, or with one that is used twice."""
        for kind in kinds:
            self.log_in(is_right=True)
            if self.challenges or self.past_challenges:
                self.verify_backup_code(which=0, past=not self.challenges, kind=kind)

    @precondition(lambda self: self.authenticator is None and self.sessions)
    @rule(otp=st.sampled_from([0, 0, "wrong"]), acknowledges=st.sampled_from([True, True, False]))
    def enrol(self, otp: int | str, acknowledges: bool) -> None:  # noqa: FBT001
        """Run a complete activation, or stop before the acknowledgement."""
        self.start(which=0, is_right=True)
        if self.activation and self.sessions:
            self.confirm(which=0, past=False, otp=otp)
        if acknowledges and self.activation and self.sessions:
            self.acknowledge(which=0, past=False)

    @precondition(lambda self: self.authenticator)
    @rule(kind=st.sampled_from(["otp", "code"]), failures=st.sampled_from([98, 99]))
    def almost_lock_a_factor(self, kind: str, failures: int) -> None:
        """Set 98 or 99 failures of a factor, the last one two hours ago."""
        long_ago = self.now - timedelta(hours=2)
        self.attempt_counts[kind] = AttemptLimitModel(failures, failures, long_ago)
        factor = models.SecondFactorMethod.OTP if kind == "otp" else models.SecondFactorMethod.BACKUP_CODE
        self.runner.run(
            set_attempt_count(
                self.services.database, self.member.id, factor, failures=failures, since_sign_in=failures, last=long_ago
            )
        )

    @precondition(has_session)
    @rule(which=WHICH, is_right=IS_RIGHT)
    def start(self, which: int, is_right: bool) -> None:  # noqa: FBT001
        """Start an activation as the member."""
        if (viewer := self.viewer(which)) is None:
            return
        attempt = start_activation(self.services, CLIENT, viewer, self.password if is_right else WRONG_PASSWORD)
        if rejected := self.password_error("password", right=is_right):
            self.check(attempt, rejected[0], *rejected[1])
        elif self.authenticator:
            self.check(attempt, "TwoFactorAlreadyActiveError")
        else:
            answer: AuthenticatorActivation = self.check(
                attempt, "AuthenticatorActivation", Event.TWO_FACTOR_ACTIVATION_STARTED
            )
            self.end_activation()
            authenticator = Authenticator.parse(answer.otpauth_uri)
            self.activation = ActivationModel(answer.activation_id, authenticator, self.now + timedelta(minutes=10))

    def choose_activation(self, which: int, *, past: bool) -> str | None:
        """Return the token of the open activation or of an earlier one."""
        if past:
            return self.past_activations[-1 - which % len(self.past_activations)] if self.past_activations else None
        return self.activation.token if self.activation else None

    def open_activation(self, token: str) -> ActivationModel | None:
        """Return the activation of this token if it is still open."""
        found = self.activation
        is_open = found and found.token == token and self.now < found.expires_at and found.wrong < 5
        return found if is_open else None

    @precondition(lambda self: self.activation or self.past_activations)
    @rule(which=WHICH, past=st.sampled_from([False, False, True]), otp=OTPS)
    def confirm(self, which: int, past: bool, otp: int | str) -> None:  # noqa: FBT001
        """Confirm an activation with an OTP as the member."""
        viewer, token = self.viewer(which), self.choose_activation(which, past=past)
        if viewer is None or token is None:
            return
        found = self.open_activation(token)
        text, step = self.choose_otp(found.authenticator if found else self.authenticator, otp)
        attempt = confirm_otp(self.services, CLIENT, viewer, token, text)
        if found is None:
            repeats = self.activated_by == token
            self.check(attempt, "TwoFactorActivated" if repeats else "ActivationExpiredError", changes=False)
        elif otp == "malformed":
            self.check(attempt, "WrongOtpError")
        elif found.confirmed_by == (viewer.session.id, text):
            repeated: BackupCodesIssued = self.check(attempt, "BackupCodesIssued", changes=False)
            assert list(repeated.codes) == found.codes
        elif step <= found.last_step:
            found.wrong += 1
            self.check(attempt, "WrongOtpError", Event.SECOND_FACTOR_FAILED)
        elif self.codes_on:
            answer: BackupCodesIssued = self.check(attempt, "BackupCodesIssued", Event.BACKUP_CODES_ISSUED)
            self.codes["void"] += found.codes
            found.last_step, found.confirmed, found.codes = step, True, list(answer.codes)
            found.confirmed_by = viewer.session.id, text
        else:
            found.last_step = step
            self.check(attempt, "TwoFactorActivated", Event.TWO_FACTOR_ACTIVATED, "two_factor_activated")
            self.activate(found, viewer, [])

    @precondition(lambda self: self.activation or self.past_activations)
    @rule(which=WHICH, past=st.sampled_from([False, False, True]))
    def acknowledge(self, which: int, past: bool) -> None:  # noqa: FBT001
        """Acknowledge the backup codes as the member."""
        viewer, token = self.viewer(which), self.choose_activation(which, past=past)
        if viewer is None or token is None:
            return
        found = self.open_activation(token)
        attempt = acknowledge_backup_codes(self.services, CLIENT, viewer, token)
        if found is None:
            repeats = self.activated_by == token
            self.check(attempt, "TwoFactorActivated" if repeats else "ActivationExpiredError", changes=False)
        elif not found.confirmed:
            self.check(attempt, "OtpNotConfirmedError")
        else:
            self.check(attempt, "TwoFactorActivated", Event.TWO_FACTOR_ACTIVATED, "two_factor_activated")
            codes, found.codes = found.codes, []
            self.activate(found, viewer, codes)

    def activate(self, done: ActivationModel, viewer: Viewer, codes: list[str]) -> None:
        """Turn 2FA on in the model."""
        self.authenticator, self.last_step, self.activated_by = done.authenticator, done.last_step, done.token
        self.end_challenges_and_activation()
        self.replace_codes(codes)
        self.end_sessions(keep=viewer.session.id)

    @precondition(lambda self: self.replacement or self.past_replacements)
    @rule(which=WHICH, past=st.sampled_from([False, False, True]))
    def acknowledge_replacement(self, which: int, past: bool) -> None:  # noqa: FBT001
        """Acknowledge new backup codes of a regeneration as the member."""
        viewer, found = self.viewer(which), None if past else self.replacement
        token = found.token if found else next(reversed(self.past_replacements), None)
        if viewer is None or token is None:
            return
        attempt = acknowledge_backup_codes(self.services, CLIENT, viewer, token)
        if found is None or self.now >= found.expires_at:
            repeats = self.replaced_by == token
            self.check(attempt, "BackupCodesAcknowledged" if repeats else "ActivationExpiredError", changes=False)
        else:
            kinds = Event.BACKUP_CODES_ACKNOWLEDGED, "backup_codes_regenerated"
            self.check(attempt, "BackupCodesAcknowledged", *kinds)
            codes, found.codes = found.codes, []
            self.replace_codes(codes, by=token)
            self.end_challenges_and_activation()

    @precondition(has_session)
    @rule(which=WHICH, is_right=IS_RIGHT, waits=st.booleans())
    def regenerate(self, which: int, is_right: bool, waits: bool) -> None:  # noqa: FBT001
        """Regenerate the backup codes as the member, at once or at the acknowledgement."""
        if (viewer := self.viewer(which)) is None:
            return
        password = self.password if is_right else WRONG_PASSWORD
        attempt = regenerate_backup_codes(self.services, CLIENT, viewer, password, until_acknowledged=waits)
        if rejected := self.password_error("password", right=is_right):
            self.check(attempt, rejected[0], *rejected[1])
        elif self.authenticator is None:
            self.check(attempt, "TwoFactorNotActiveError")
        elif not self.codes_on:
            self.check(attempt, "BackupCodesDisabledError")
        elif waits:
            new: BackupCodesRegenerated = self.check(attempt, "BackupCodesRegenerated", Event.BACKUP_CODES_ISSUED)
            self.end_replacement()
            assert new.activation_id
            self.replacement = ReplacementModel(new.activation_id, list(new.codes), self.now + timedelta(minutes=10))
        else:
            kinds = Event.BACKUP_CODES_ISSUED, "backup_codes_regenerated"
            answer: BackupCodesRegenerated = self.check(attempt, "BackupCodesRegenerated", *kinds)
            self.replace_codes(list(answer.codes))
            self.end_challenges_and_activation()

    @precondition(has_session)
    @rule(which=WHICH, is_right=IS_RIGHT)
    def deactivate(self, which: int, is_right: bool) -> None:  # noqa: FBT001
        """Deactivate 2FA as the member."""
        if (viewer := self.viewer(which)) is None:
            return
        attempt = deactivate(self.services, CLIENT, viewer, self.password if is_right else WRONG_PASSWORD)
        if rejected := self.password_error("password", right=is_right):
            self.check(attempt, rejected[0], *rejected[1])
        elif self.authenticator is None:
            self.check(attempt, "TwoFactorNotActiveError")
        elif self.enforced:
            self.check(attempt, "TwoFactorIsEnforcedError")
        else:
            self.check(attempt, "TwoFactorDeactivated", Event.TWO_FACTOR_DEACTIVATED, "two_factor_deactivated")
            self.remove_two_factor()
            self.end_sessions(keep=viewer.session.id)

    @rule(is_right=IS_RIGHT)
    def reset(self, is_right: bool) -> None:  # noqa: FBT001
        """Reset the member's 2FA as the admin."""
        admin = self.runner.run(reload_viewer(self.services, self.admin))
        password = PASSWORD if is_right else WRONG_PASSWORD
        attempt = reset_by_admin(self.services, CLIENT, admin, self.member.id, password, "lost the phone")
        if rejected := self.password_error("admin", right=is_right):
            self.check(attempt, rejected[0], *rejected[1])
        elif self.authenticator is None:
            self.check(attempt, "TwoFactorNotActiveError")
        else:
            self.check(attempt, "TwoFactorReset", Event.TWO_FACTOR_RESET, "two_factor_reset")
            self.remove_two_factor()
            self.end_sessions()

    @rule(enforced=st.sampled_from([None, True, False]), codes=st.sampled_from([None, True, False]))
    def set_policy(self, enforced: bool | None, codes: bool | None) -> None:  # noqa: FBT001
        """Change the security policy as the admin."""
        admin = self.runner.run(reload_viewer(self.services, self.admin))
        attempt = update_security_policy(
            self.services, CLIENT, admin, PASSWORD, two_factor_enforced=enforced, backup_codes_enabled=codes
        )
        if rejected := self.password_error("admin", right=True):
            self.check(attempt, rejected[0], *rejected[1])
            return
        changes = enforced not in {None, self.enforced} or codes not in {None, self.codes_on}
        self.check(attempt, "SecurityPolicyUpdated", *[Event.SECURITY_POLICY_CHANGED] * changes, changes=changes)
        self.enforced = self.enforced if enforced is None else enforced
        self.codes_on = self.codes_on if codes is None else codes

    @precondition(has_session)
    @rule(which=WHICH, is_right=IS_RIGHT, new=st.sampled_from([*PASSWORDS, "password1234"]))
    def change_password(self, which: int, is_right: bool, new: str) -> None:  # noqa: FBT001
        """Change the password as the member."""
        if (viewer := self.viewer(which)) is None:
            return
        attempt = change_password(self.services, CLIENT, viewer, self.password if is_right else WRONG_PASSWORD, new)
        if rejected := self.password_error("password", right=is_right):
            self.check(attempt, rejected[0], *rejected[1])
        elif new not in PASSWORDS:
            self.check(attempt, "PasswordTooWeakError")
        else:
            self.check(attempt, "PasswordChanged", Event.PASSWORD_CHANGED, "password_changed")
            self.password = new
            self.end_challenges_and_activation()
            self.end_sessions(keep=viewer.session.id)

    @precondition(has_session)
    @rule(which=WHICH)
    def log_out(self, which: int) -> None:
        """Sign out as the member."""
        if (viewer := self.viewer(which)) is None:
            return
        self.check(log_out(self.services, CLIENT, viewer), "LoggedOut", Event.LOGGED_OUT)
        self.end_session(viewer.session.id)

    @precondition(has_session)
    @rule(which=WHICH, other=WHICH)
    def revoke(self, which: int, other: int) -> None:
        """Revoke a session as the member, and try it a second time."""
        if (viewer := self.viewer(which)) is None or (target := self.viewer(other)) is None:
            return
        attempt = revoke_session(self.services, CLIENT, viewer, target.session.id)
        self.check(attempt, "SessionRevoked", Event.SESSION_REVOKED)
        self.check(revoke_session(self.services, CLIENT, viewer, target.session.id), "SessionNotFoundError")
        self.end_session(target.session.id)

    def end_session(self, session_id: UUID) -> None:
        """End a session of the model."""
        self.ended += [session.token for session in self.sessions if session.id == session_id]
        self.sessions = [session for session in self.sessions if session.id != session_id]

    @precondition(lambda self: self.enabled)
    @rule(runs=st.sampled_from([False] * 5 + [True]))
    def disable(self, runs: bool) -> None:  # noqa: FBT001
        """Disable the member as the operator, in one of six cases."""
        if runs:
            self.check(disable_user(self.services, self.member.id), "NoneType", Event.USER_DISABLED, "user_disabled")
            self.end_challenges_and_activation()
            self.end_sessions()
            self.enabled = False

    @precondition(lambda self: not self.enabled)
    @rule()
    def enable(self) -> None:
        """Enable the member again as the operator."""
        self.check(enable_user(self.services, self.member.id), "NoneType", Event.USER_ENABLED, "user_enabled")
        self.enabled = True

    @rule(runs=st.sampled_from([False] * 5 + [True]))
    def delete_expired_rows(self, runs: bool) -> None:  # noqa: FBT001
        """Run the cleanup in one of six cases. It deletes only expired rows."""
        if not runs:
            return
        lapsed = [until - timedelta(minutes=5) for until in self.challenges.values() if until <= self.now]
        warnings = []
        if any(self.logged_in_at is None or self.logged_in_at < opened_at for opened_at in lapsed) and (
            self.told_of_lapse_at is None or self.now - self.told_of_lapse_at >= timedelta(days=1)
        ):
            self.told_of_lapse_at = self.now
            warnings.append("login_not_completed")
        self.check(clean_up(self.services), "int", *warnings)
        live = [session for session in self.sessions if session.is_live(self.now)]
        self.ended += [session.token for session in self.sessions if session not in live]
        self.sessions = live
        self.past_challenges += [token for token, until in self.challenges.items() if until <= self.now]
        self.challenges = {token: until for token, until in self.challenges.items() if until > self.now}
        if self.activation and self.activation.expires_at <= self.now:
            self.end_activation()
        if self.replacement and self.replacement.expires_at <= self.now:
            self.end_replacement()
        for each in ("password", "admin"):
            if self.attempt_counts[each].failures and self.now - self.attempt_counts[each].last >= timedelta(days=1):
                self.attempt_counts[each] = AttemptLimitModel()

    # The invariants.

    @invariant()
    def database_matches_model(self) -> None:
        """Check the invariants of every account, and compare the rows of the member with the model."""
        if hasattr(self, "admin"):
            self.runner.run(self._compare_database())

    async def _compare_database(self) -> None:
        await assert_invariants(self.services)
        async with self.services.database.transaction():
            user = await models.User.get(id=self.member.id)
            sessions = {row.id for row in await models.Session.filter(user_id=user.id)}
            challenges = await models.Challenge.filter(user_id=user.id).count()
            activations = await models.Activation.filter(user_id=user.id).count()
            replacements = await models.BackupCodeReplacement.filter(user_id=user.id).count()
            waiting = await models.BackupCode.filter(code_set__activation_id__isnull=False).count()
        assert (user.two_factor_activated_at is not None) == (self.authenticator is not None)
        assert user.backup_codes_remaining == len(self.codes["unused"])
        assert sessions == {session.id for session in self.sessions}
        assert challenges == len(self.challenges)
        assert activations == (self.activation is not None)
        assert replacements == (self.replacement is not None)
        assert waiting == len(self.activation.codes if self.activation else [])
        for token in self.ended[-3:]:
            assert await authenticate(self.services, token) is None


# The columns that a failed operation may change.
COUNTERS = {"user_account": {"warnings_sent"}, "activation": {"attempts"}}


def without_counters(rows: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows without the columns that a failed operation may change."""
    return {
        table: [{key: value for key, value in row.items() if key not in COUNTERS.get(table, ())} for row in content]
        for table, content in rows.items()
    }


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_account_matches_the_model_after_any_operations(
    request: pytest.FixtureRequest, hashing: HashingPool, dialect: str
) -> None:
    """Each operation has the expected result, side effects and changes, and no others."""
    machine = type(
        "AccountStateMachine",
        (AccountStateMachine,),
        {"template": request.getfixturevalue(f"migrated_{dialect}"), "hashing": hashing},
    )

    run_state_machine_as_test(machine, settings=PROFILE)
