"""Begin the enrolment of a factor, and find it again: a new secret waits until the user has confirmed it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import models
from accounts.reauthentication import LockedAccount
from accounts.services import Services
from accounts.session_tokens import SessionToken, repeat_session_token
from models import ActivationPurpose
from security.constants import ACTIVATION_LIFETIME, CLOCK_SLACK, CONFIRM_ATTEMPTS
from security.tokens import TokenKind, token_hash
from twofactor.errors import ActivationExpiredError
from twofactor.factors.factor import ActivationT, EnrollableFactor
from twofactor.factors.registry import enrollable_factors

ResultT = TypeVar("ResultT")


async def begin_enrolment(  # noqa: PLR0913  # each is a column of the activation
    services: Services,
    account: LockedAccount,
    factor: EnrollableFactor[ActivationT],
    purpose: ActivationPurpose,
    *,
    name: str | None = None,
    replaced_id: UUID | None = None,
) -> ActivationT:
    """Create a secret and return it once. Cancel an earlier unfinished activation of the user."""
    now = services.now()
    secret, token = factor.new_secret(services, account.user), services.new_token(TokenKind.ACTIVATION)
    encrypted = services.encrypt(secret, account.user.id)
    await models.Activation.filter(user_id=account.user.id).delete()
    activation = await models.Activation.create(
        token_hash=token_hash(TokenKind.ACTIVATION, token),
        user_id=account.user.id,
        factor=factor.kind,
        purpose=purpose,
        authenticator_name=name,
        replaced_authenticator_id=replaced_id,
        encrypted_secret=encrypted.ciphertext,
        key_id=encrypted.key_id,
        created_at=now,
        expires_at=now + ACTIVATION_LIFETIME,
    )
    return factor.started_activation(
        services, account.user, secret, activation_id=token, expires_at=activation.expires_at
    )


async def find_unfinished(account: LockedAccount, activation_hash: str, now: datetime) -> models.Activation | None:
    """Return the unfinished activation of the user with this token. Lock its row, so that the cleanup leaves it."""
    rows = models.Activation.filter(
        token_hash=activation_hash,
        user_id=account.user.id,
        created_at__lte=now + CLOCK_SLACK,
        expires_at__gt=now,
        attempts__lt=CONFIRM_ATTEMPTS,
    )
    return await rows.select_for_update(no_key=True).first()


async def repeat_enrolment(
    services: Services,
    account: LockedAccount,
    activation_hash: str,
    old_token: SessionToken | None,
    results: Mapping[ActivationPurpose, Callable[..., ResultT]],
) -> ResultT:
    """Return the result of a finished activation, whichever of its last calls the client repeats.

    Otherwise the user would read that the activation has ended, and delete the entry of the app that is in force.

    Raises:
        ActivationExpiredError: It is unknown, its factor is no longer in force, or `results` has none for its purpose.
    """
    purpose = await _purpose_of_finished(account, activation_hash)
    if purpose is None or purpose not in results:
        raise ActivationExpiredError(may_restart=account.user.two_factor_activated_at is None)
    new_token = await repeat_session_token(services, account.session, old_token)
    return results[purpose](account.viewer.user, new_token=new_token)


async def _purpose_of_finished(account: LockedAccount, activation_hash: str) -> ActivationPurpose | None:
    """Return what a finished activation did, if the factor that it enrolled is still in force."""
    for factor in enrollable_factors():
        if purpose := await factor.purpose_of(account.user.id, activation_hash):
            return purpose
    return None
