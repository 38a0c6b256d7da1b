"""Seeds: sealed when they are kept, unsealed when an OTP is to be checked."""

import structlog

import models
from twofactor.environment import Environment
from twofactor.rules.sealing import Sealed, UnsealingFailed

log = structlog.get_logger(__name__)


def unseal_seed(env: Environment, row: models.Authenticator | models.Activation) -> bytes | None:
    """The seed of an enrolment, or None where it cannot be read: no OTP is right then.

    That happens where the row was tampered with, or its key was taken off the ring. The operator learns it from the
    log, whoever asked learns nothing (ASVS 11.2.5: cryptography fails securely).
    """
    try:
        return env.key_ring.unseal(Sealed(row.key_id, row.sealed_seed), row.user_id)
    except UnsealingFailed:
        log.exception("seed_unsealing_failed", user_id=str(row.user_id), key_id=row.key_id)
        return None
