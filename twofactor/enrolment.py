"""Begin the enrolment of a factor, and find it again: a new secret waits until the user has confirmed it."""

from datetime import datetime
from uuid import UUID

import models
from accounts.reauthentication import LockedAccount
from accounts.services import Services
from models import ActivationPurpose
from security.constants import ACTIVATION_LIFETIME, CLOCK_SLACK, CONFIRM_ATTEMPTS
from security.tokens import TokenKind, token_hash
from twofactor.factors.factor import ActivationT, EnrollableFactor
from twofactor.factors.registry import enrollable_factors


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
    """Return the unfinished activation of the user with this token."""
    return await models.Activation.filter(
        token_hash=activation_hash,
        user_id=account.user.id,
        created_at__lte=now + CLOCK_SLACK,
        expires_at__gt=now,
        attempts__lt=CONFIRM_ATTEMPTS,
    ).first()


async def purpose_of_finished(account: LockedAccount, activation_hash: str) -> ActivationPurpose | None:
    """Return what a finished activation did, if the factor that it enrolled is still in force."""
    for factor in enrollable_factors():
        if purpose := await factor.purpose_of(account.user.id, activation_hash):
            return purpose
    return None
