"""The authenticator as a factor: decrypt its TOTP secret, and accept each of its OTPs once."""

from datetime import datetime

import structlog

import models
from accounts.services import Services
from models.sql.factors import use_time_step
from security.key_ring import DecryptionError, EncryptedValue
from twofactor.factors.totp import matching_step

log = structlog.get_logger(__name__)


async def use_otp(services: Services, authenticator: models.Authenticator, otp: str, now: datetime) -> bool:
    """Check an OTP and use its time step. Return False if the OTP is wrong, or its time step is not new."""
    secret = decrypt_totp_secret(services, authenticator)
    return await use_time_step(authenticator.user_id, matching_step(secret, otp, now) if secret else None)


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
