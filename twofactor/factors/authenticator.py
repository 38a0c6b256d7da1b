"""The authenticator as a factor: decrypt its TOTP secret, and accept each of its OTPs once."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from typing_extensions import override

import models
from accounts.services import Services
from models import SecondFactorMethod
from models.sql.factors import NO_AUTHENTICATOR, NO_TIME_STEP, use_time_step
from security.key_ring import DecryptionError, EncryptedValue
from twofactor.factors.factor import Check, EnrollableFactor
from twofactor.factors.totp import is_otp_of_step, key, matching_step, normalise_otp, otpauth_uri

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AuthenticatorActivation:
    """An activation without a confirmed OTP, with what an authenticator app needs to generate OTPs."""

    activation_id: str = field(repr=False)
    key: str = field(repr=False)
    otpauth_uri: str = field(repr=False)
    issuer: str
    account_name: str
    expires_at: datetime


class OtpFactor(EnrollableFactor[AuthenticatorActivation]):
    """One-time passwords of an authenticator app (RFC 6238)."""

    kind = SecondFactorMethod.OTP
    table = models.Authenticator
    has_encrypted_secrets = True

    @override
    def normalise(self, text: str) -> str | None:
        return normalise_otp(text)

    @override
    async def verify(self, check: Check, text: str) -> bool:
        now = check.services.now()
        secrets = ((row.id, decrypt_totp_secret(check.services, row)) for row in check.rows)
        steps = ((row_id, matching_step(secret, text, now)) for row_id, secret in secrets if secret)
        matching = [(row_id, step) for row_id, step in steps if step is not None]
        # A wrong OTP runs the same statement, without effect. Otherwise the response time would show whether an OTP is
        # wrong or already used. An OTP that matches several authenticators is used in all of them.
        return any([await use_time_step(*match) for match in matching or [(NO_AUTHENTICATOR, NO_TIME_STEP)]])

    @override
    def new_secret(self, services: Services, user: models.User) -> bytes:
        return services.new_totp_secret()

    @override
    def started_activation(
        self, services: Services, user: models.User, secret: bytes, *, activation_id: str, expires_at: datetime
    ) -> AuthenticatorActivation:
        return AuthenticatorActivation(
            activation_id=activation_id,
            key=key(secret),
            otpauth_uri=otpauth_uri(secret, issuer=services.issuer, account_name=user.email),
            issuer=services.issuer,
            account_name=user.email,
            expires_at=expires_at,
        )

    @override
    def first_position(self, secret: bytes, text: str, now: datetime) -> int | None:
        return matching_step(secret, text, now)

    @override
    def is_text_at(self, secret: bytes, text: str, position: int) -> bool:
        return is_otp_of_step(secret, text, position)

    @override
    async def enrol(self, activation: models.Activation, now: datetime, *, by_acknowledgement: bool) -> None:
        await models.Authenticator.create(
            user_id=activation.user_id,
            encrypted_secret=activation.encrypted_secret,
            key_id=activation.key_id,
            last_step=activation.last_step,
            name=activation.authenticator_name,
            created_at=now,
            purpose=activation.purpose,
            activation_token_hash=activation.token_hash,
            activated_by_acknowledgement=by_acknowledgement,
        )

    @override
    async def purpose_of(self, user_id: UUID, activation_hash: str) -> models.ActivationPurpose | None:
        row = await models.Authenticator.filter(user_id=user_id, activation_token_hash=activation_hash).first()
        return row.purpose if row else None


def decrypt_totp_secret(services: Services, row: models.Authenticator | models.Activation) -> bytes | None:
    """Return the TOTP secret, or None if it cannot be decrypted. No OTP is right in that case.

    Decryption fails if the row was changed or if its key is not on the key ring. Only this user is affected. The
    function logs the failure for the operator. The response reveals nothing to the client (ASVS 11.2.5: cryptography
    fails securely).
    """
    try:
        return services.key_ring.decrypt(EncryptedValue(row.key_id, row.encrypted_secret), row.user_id)
    except DecryptionError:
        # The traceback would be that of every check of an OTP. The cause is the key or the row.
        is_key_missing = row.key_id not in services.key_ring.keys
        log.error(  # noqa: TRY400
            "totp_secret_decryption_failed",
            user_id=str(row.user_id),
            key_id=row.key_id,
            reason="key_missing" if is_key_missing else "ciphertext_changed",
        )
        return None
