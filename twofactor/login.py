"""Signing in: email and password, then an OTP or, in an emergency, a backup code."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn
from uuid import UUID, uuid4

import models
from mail import outbox
from models import Factor, LetterKind, SecondFactorMethod, SecurityEventKind, SessionTransport
from models.database import CommitAndRaise
from models.statements import LOCKING, change, columns, find, insert, model_of, select
from twofactor import attempts, audit, policy
from twofactor.acting import lock_user, record_wrong_password
from twofactor.attempts import Budget
from twofactor.environment import Client, Environment
from twofactor.errors import (
    AttemptRefusedError,
    ChallengeExpiredError,
    WrongEmailOrPasswordError,
    WrongSecondFactorError,
)
from twofactor.results import LoggedIn, SecondFactorRequired
from twofactor.rules.attempts import attempts_remaining, is_locked
from twofactor.rules.backup_codes import backup_code_hash, canonical_backup_code
from twofactor.rules.identity import could_be_password, email_key
from twofactor.rules.policy import (
    CHALLENGE_LIFETIME,
    CHALLENGES_AN_ACCOUNT,
    CLOCK_SLACK,
    FEW_BACKUP_CODES,
    FREE_ATTEMPTS,
    REFUSAL_TICK_S,
    WARNING_INTERVAL,
)
from twofactor.rules.tokens import TokenKind, token_hash
from twofactor.rules.totp import is_well_formed_otp, matching_step
from twofactor.seeds import unseal_seed
from twofactor.sessions import begin_session

# What signing in costs besides the hash is for the most part its statements. So most of them are written out, which
# halves the cost of a second step (docs/performance.md).
LOCK_USER_OF_CHALLENGE = f"""
    SELECT id FROM user_account WHERE id = (SELECT user_id FROM challenge WHERE token_hash = $1) {LOCKING}
"""  # noqa: S608  # a keyword of ours
# Older than every step.
NO_STEP = -1
USE_STEP = "UPDATE authenticator SET last_step = $2 WHERE user_id = $1 AND last_step < $2"
USE_CHALLENGE = "DELETE FROM challenge WHERE id = $1"
# SQLite wants a LIMIT before an OFFSET: more than there can be.
END_SURPLUS_CHALLENGES = """
    DELETE FROM challenge
    WHERE id IN (SELECT id FROM challenge WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1000000 OFFSET $2)
"""

# Whose row is looked for where no account has the email, so that as many statements are made.
NOBODY = UUID(int=0)
# The same for a set of backup codes.
NO_SET = UUID(int=0)


async def log_in(
    env: Environment, client: Client, email: str, password: str, transport: SessionTransport
) -> LoggedIn | SecondFactorRequired:
    """First step: a session, or a challenge where 2FA is active.

    Known and unknown emails take the same steps, so that they cannot be told apart (ASVS 6.3.8).

    Raises:
        WrongEmailOrPasswordError: No enabled account has this email and password.
        TooManyAttemptsError: The next attempt has to wait; nothing was checked.
        OverloadedError: Too much is being hashed already; nothing was checked or counted.
    """
    key = email_key(email)
    if key is None or not could_be_password(password):
        raise WrongEmailOrPasswordError(was_checked=False)
    budget = attempts.password_budget(env, key)
    async with _refusing_on_a_tick(), attempts.counted_by_address(env, client):
        with env.hashing.place():
            async with env.database.transaction():
                await attempts.claim(budget, env.now())
                account = await find(models.User, "email_key = $1", key)
            is_right = await env.hashing.is_password(password, account.password_hash if account else None)
            better_hash = await env.hashing.rehash(password, account.password_hash) if account and is_right else None
        async with env.database.transaction():
            user = await lock_user(account.id if account else NOBODY)
            if not is_right or user is None or account is None or _has_changed(account, user):
                await record_wrong_password(env, client, SecurityEventKind.LOGIN_FAILED, user, budget)
                raise CommitAndRaise(WrongEmailOrPasswordError())
            await attempts.give_back_password(budget)
            if better_hash:
                await models.User.filter(id=user.id).update(password_hash=better_hash)
            company = await find(models.Company, "id = $1", user.company_id)
            assert company is not None  # noqa: S101  # a foreign key says so
            if user.two_factor_activated_at is None:
                return await begin_session(env, client, user, company, transport=transport, second_factor=None)
            return await _challenge(env, user, company, transport)


@asynccontextmanager
async def _refusing_on_a_tick() -> AsyncIterator[None]:
    began = time.monotonic()
    try:
        yield
    except AttemptRefusedError:
        await asyncio.sleep((began - time.monotonic()) % REFUSAL_TICK_S)
        raise


def _has_changed(account: models.User, user: models.User) -> bool:
    return user.password_hash != account.password_hash or not user.is_enabled


async def _challenge(
    env: Environment, user: models.User, company: models.Company, transport: SessionTransport
) -> SecondFactorRequired:
    now = env.now()
    await change(END_SURPLUS_CHALLENGES, user.id, CHALLENGES_AN_ACCOUNT - 1)
    token = env.new_token(TokenKind.CHALLENGE)
    expires_at = now + CHALLENGE_LIFETIME
    await insert(
        models.Challenge,
        id=uuid4(),
        token_hash=token_hash(TokenKind.CHALLENGE, token),
        user_id=user.id,
        transport=transport,
        created_at=now,
        expires_at=expires_at,
    )
    has_backup_codes = policy.backup_codes_enabled(company) and user.backup_codes_remaining > 0
    methods = (SecondFactorMethod.OTP,) + (SecondFactorMethod.BACKUP_CODE,) * has_backup_codes
    return SecondFactorRequired(token, expires_at, methods)


async def verify_login(
    env: Environment, client: Client, challenge_token: str, *, otp: str | None, backup_code: str | None
) -> LoggedIn:
    """Second step: a session for an OTP, or for a backup code.

    Raises:
        ChallengeExpiredError: The challenge is unknown, used, too old, or was ended by a change to the account.
        SecondFactorLockedError: The factor was wrong too often between two completed sign-ins.
        TooManyAttemptsError: The next attempt has to wait; nothing was checked.
        WrongSecondFactorError: It is wrong, expired, already used or malformed.
        OverloadedError: Too much is being hashed already; nothing was checked or counted.
    """
    hashed = token_hash(TokenKind.CHALLENGE, challenge_token)
    if hashed is None:
        raise ChallengeExpiredError
    async with _refusing_on_a_tick(), attempts.counted_by_address(env, client):
        if otp is not None:
            return await _verify_otp(env, client, hashed, otp)
        return await _verify_backup_code(env, client, hashed, backup_code or "")


async def _verify_otp(env: Environment, client: Client, challenge_hash: str, otp: str) -> LoggedIn:
    now = env.now()
    async with env.database.transaction():
        opened = await _open(challenge_hash, now)
        budget = attempts.second_factor_budget(opened.user.id, Factor.OTP)
        if not is_well_formed_otp(otp):
            raise WrongSecondFactorError(await attempts.remaining(budget, now), was_checked=False)
        await attempts.claim(budget, now)
        if not await _use_otp(env, opened.authenticator, otp, now):
            await _refuse_second_factor(env, client, opened.user, budget)
        return await _complete(env, client, opened, SecondFactorMethod.OTP)


async def _use_otp(env: Environment, authenticator: models.Authenticator, otp: str, now: datetime) -> bool:
    """Accept an OTP at most once: its step has to be newer than every step before (RFC 6238 §5.2)."""
    seed = unseal_seed(env, authenticator)
    step = matching_step(seed, otp, now) if seed else None
    # Asked also where it cannot be: that it is wrong, and not used already, would show in the time otherwise.
    return await change(USE_STEP, authenticator.user_id, NO_STEP if step is None else step) == 1


async def _verify_backup_code(env: Environment, client: Client, challenge_hash: str, spelling: str) -> LoggedIn:
    code = canonical_backup_code(spelling)
    now = env.now()
    with env.hashing.place():
        async with env.database.transaction():
            opened = await _open(challenge_hash, now)
            budget = attempts.second_factor_budget(opened.user.id, Factor.BACKUP_CODE)
            if code is None:
                raise WrongSecondFactorError(await attempts.remaining(budget, now), was_checked=False)
            await attempts.claim(budget, now)
            code_set = await models.BackupCodeSet.filter(user_id=opened.user.id, activation_id__isnull=True).first()
        # Where there are no codes, a hash is made all the same: that there are none must not show.
        salt = code_set.salt if code_set else env.new_salt()
        code_hash = await env.hashing.run(backup_code_hash, code, salt)
    async with env.database.transaction():
        opened = await _open(challenge_hash, env.now())
        if not await _use_backup_code(opened, code_set, code_hash, env.now()):
            await _refuse_second_factor(env, client, opened.user, budget)
        await _tell_of_used_backup_code(env, client, opened.user)
        return await _complete(env, client, opened, SecondFactorMethod.BACKUP_CODE)


async def _use_backup_code(
    opened: "_Opened", code_set: models.BackupCodeSet | None, code_hash: str, now: datetime
) -> bool:
    """Use up a code, if codes are on. One of a set that was replaced meanwhile is not there any more."""
    # Asked also where codes are off or there are none: that would show in the time otherwise.
    set_id = code_set.id if code_set and policy.backup_codes_enabled(opened.company) else NO_SET
    used = await models.BackupCode.filter(code_set_id=set_id, code_hash=code_hash, used_at__isnull=True).update(
        used_at=now
    )
    return used == 1


async def _tell_of_used_backup_code(env: Environment, client: Client, user: models.User) -> None:
    now = env.now()
    user.backup_codes_remaining -= 1
    await audit.record(SecurityEventKind.BACKUP_CODE_USED, user=user, client=client, now=now)
    await outbox.enqueue(
        LetterKind.BACKUP_CODE_USED,
        to=user,
        now=now,
        facts=audit.circumstances(client, now) | {"remaining": user.backup_codes_remaining},
    )
    if user.backup_codes_remaining <= FEW_BACKUP_CODES:
        await outbox.enqueue(
            LetterKind.FEW_BACKUP_CODES_LEFT, to=user, now=now, facts={"remaining": user.backup_codes_remaining}
        )


@dataclass(frozen=True, slots=True)
class _Opened:
    """A challenge that is good, and the account it is for, whose row is locked."""

    challenge: models.Challenge
    user: models.User
    company: models.Company
    authenticator: models.Authenticator


async def _open(challenge_hash: str, now: datetime) -> _Opened:
    await select(LOCK_USER_OF_CHALLENGE, challenge_hash)
    # A statement of its own, that sees what was committed while the lock was waited for: the challenge may be used up.
    rows = await select(
        f"SELECT {columns(models.Challenge, models.User, models.Company, models.Authenticator)} "  # noqa: S608  # columns
        "FROM challenge JOIN user_account ON user_account.id = challenge.user_id "
        "JOIN company ON company.id = user_account.company_id "
        "JOIN authenticator ON authenticator.user_id = user_account.id "
        "WHERE challenge.token_hash = $1 AND challenge.expires_at > $2 AND challenge.created_at <= $3",
        challenge_hash,
        now,
        now + CLOCK_SLACK,
    )
    if not rows:
        raise ChallengeExpiredError
    (row,) = rows
    return _Opened(
        model_of(models.Challenge, row),
        model_of(models.User, row),
        model_of(models.Company, row),
        model_of(models.Authenticator, row),
    )


async def _complete(env: Environment, client: Client, opened: _Opened, method: SecondFactorMethod) -> LoggedIn:
    """Use up the challenge: of all that hold it, one gets a session."""
    if await change(USE_CHALLENGE, opened.challenge.id) != 1:
        raise ChallengeExpiredError
    await attempts.give_back_second_factor(opened.user.id, Factor(method.value))
    return await begin_session(
        env, client, opened.user, opened.company, transport=opened.challenge.transport, second_factor=method
    )


async def _refuse_second_factor(env: Environment, client: Client, user: models.User, budget: Budget) -> NoReturn:
    now = env.now()
    factor = budget.factor.value
    await audit.record(SecurityEventKind.SECOND_FACTOR_FAILED, user=user, client=client, now=now, note=factor)
    counted = await attempts.failures(budget)
    locked = is_locked(counted.failures_since_sign_in)
    if locked or counted.failures >= FREE_ATTEMPTS:
        await audit.record(SecurityEventKind.LOCKED, user=user, client=client, now=now, note=factor)
        await _warn(client, user, now, factor=factor, locked=locked)
    raise CommitAndRaise(WrongSecondFactorError(attempts_remaining(counted.failures)))


async def _warn(client: Client, user: models.User, now: datetime, *, factor: str, locked: bool) -> None:
    """Tell the user that somebody who knows the password fails the second factor (ASVS 6.3.5), at most once a day."""
    if user.second_factor_warned_at and user.second_factor_warned_at > now - WARNING_INTERVAL:
        return
    user.second_factor_warned_at = now
    await user.save(update_fields=["second_factor_warned_at"])
    await outbox.enqueue(
        LetterKind.SECOND_FACTOR_WARNING,
        to=user,
        now=now,
        facts=audit.circumstances(client, now) | {"factor": factor, "locked": locked},
    )
