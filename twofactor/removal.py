"""Removing 2FA. Who may, and what is told, differ; what is removed does not."""

from datetime import datetime
from uuid import UUID

import structlog

import models
from mail import outbox
from models import LetterKind, SecurityEventKind
from twofactor import attempts, audit
from twofactor.access import Viewer, require_admin
from twofactor.acting import (
    acting_with,
    end_challenges_and_activations,
    end_other_sessions,
    lock_user,
    prove_password,
)
from twofactor.environment import Client, Environment
from twofactor.errors import (
    CannotResetOwnTwoFactorError,
    InvalidInputError,
    TwoFactorIsEnforcedError,
    TwoFactorNotActiveError,
    UserNotFoundError,
)
from twofactor.results import TwoFactorDeactivated, TwoFactorReset, User
from twofactor.rules.identity import is_plain_text
from twofactor.rules.policy import REASON_MAX_LENGTH

log = structlog.get_logger(__name__)


async def deactivate(env: Environment, client: Client, viewer: Viewer, password: str) -> TwoFactorDeactivated:
    """Switch off the viewer's own 2FA.

    Raises:
        WrongPasswordError: The password does not match.
        TooManyAttemptsError: The next attempt has to wait; nothing was checked.
        TwoFactorNotActiveError: 2FA is not active.
        TwoFactorIsEnforcedError: The company account enforces 2FA.
    """
    with env.hashing.place():
        proof = await prove_password(env, client, viewer, password)
    async with acting_with(env, proof) as acting:
        if acting.user.two_factor_activated_at is None:
            raise TwoFactorNotActiveError
        if acting.company.two_factor_enforced:
            raise TwoFactorIsEnforcedError
        now = env.now()
        await remove_two_factor(acting.user)
        await end_other_sessions(acting.session)
        await audit.record(SecurityEventKind.TWO_FACTOR_DEACTIVATED, user=acting.user, client=client, now=now)
        await outbox.enqueue(
            LetterKind.TWO_FACTOR_DEACTIVATED, to=acting.user, now=now, facts=audit.circumstances(client, now)
        )
        return TwoFactorDeactivated(acting.viewer.user)


async def reset_by_admin(  # noqa: PLR0913, PLR0917  # each is an argument of the mutation
    env: Environment, client: Client, viewer: Viewer, user_id: UUID | None, password: str, reason: str | None
) -> TwoFactorReset:
    """Switch off the 2FA of another user of the admin's company account, and end that user's sessions.

    Raises:
        InvalidInputError: The reason is longer than 500 characters, or no plain text.
        WrongPasswordError: The admin's password does not match.
        TooManyAttemptsError: The next attempt has to wait; nothing was checked.
        UserNotFoundError: The company account has no such user.
        CannotResetOwnTwoFactorError: It is the admin's own.
        TwoFactorNotActiveError: The user's 2FA is not active.
        ForbiddenError: The viewer is no admin any more.
    """
    _require_reason_in_bounds(reason)
    with env.hashing.place():
        proof = await prove_password(env, client, viewer, password)
    async with acting_with(env, proof, upon=user_id) as acting:
        require_admin(acting.viewer)
        if user_id == acting.user.id:
            raise CannotResetOwnTwoFactorError
        user = acting.other
        if user is None or user.company_id != acting.company.id:
            log.warning("reset_of_unknown_user", admin_id=str(acting.user.id))
            raise UserNotFoundError
        if user.two_factor_activated_at is None:
            raise TwoFactorNotActiveError
        await _reset(client, user, env.now(), by=acting.user, reason=reason)
        return TwoFactorReset(User.of(user, acting.company))


async def reset_by_operator(env: Environment, user_id: UUID, reason: str | None) -> None:
    """Switch off the 2FA of any user, for the operator at the command line.

    Raises:
        InvalidInputError: The reason is longer than 500 characters, or no plain text.
        UserNotFoundError: There is no such user.
        TwoFactorNotActiveError: The user's 2FA is not active.
    """
    _require_reason_in_bounds(reason)
    async with env.database.transaction():
        user = await lock_user(user_id)
        if user is None:
            raise UserNotFoundError
        if user.two_factor_activated_at is None:
            raise TwoFactorNotActiveError
        await _reset(Client(), user, env.now(), by=None, reason=reason)


async def remove_two_factor(user: models.User) -> None:
    """Remove everything of the 2FA of a user whose row is locked: seed, codes, what was begun, what was counted."""
    await models.Authenticator.filter(user_id=user.id).delete()
    await models.BackupCodeSet.filter(user_id=user.id).delete()
    await end_challenges_and_activations(user.id)
    await attempts.forget_second_factor(user.id)
    user.two_factor_activated_at = None
    user.two_factor_last_used_at = None
    user.backup_codes_remaining = 0
    await user.save(update_fields=["two_factor_activated_at", "two_factor_last_used_at", "backup_codes_remaining"])


async def _reset(
    client: Client, user: models.User, now: datetime, *, by: models.User | None, reason: str | None
) -> None:
    await remove_two_factor(user)
    await models.Session.filter(user_id=user.id).delete()
    await audit.record(SecurityEventKind.TWO_FACTOR_RESET, user=user, actor=by, client=client, now=now, note=reason)
    await outbox.enqueue(
        LetterKind.TWO_FACTOR_RESET,
        to=user,
        now=now,
        facts={"at": now.isoformat(timespec="seconds"), "by": by.name if by else None, "reason": reason},
    )


def _require_reason_in_bounds(reason: str | None) -> None:
    if reason is not None and (len(reason) > REASON_MAX_LENGTH or not is_plain_text(reason.replace("\n", " "))):
        raise InvalidInputError("reason", f"at most {REASON_MAX_LENGTH} characters of plain text")
