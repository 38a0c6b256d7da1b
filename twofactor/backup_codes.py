"""Backup codes: made, kept as slow hashes, and replaced."""

import secrets
from dataclasses import dataclass, field

import models
from mail import outbox
from models import LetterKind, SecurityEventKind
from twofactor import audit, policy
from twofactor.access import Viewer
from twofactor.acting import acting_with, end_challenges_and_activations, prove_password
from twofactor.environment import Client, Environment
from twofactor.errors import BackupCodesDisabledError, TwoFactorNotActiveError
from twofactor.results import BackupCodesRegenerated, TextFile
from twofactor.rules.backup_codes import backup_code_hash, backup_codes_file, generate_backup_codes
from twofactor.rules.policy import BACKUP_CODES_A_SET


@dataclass(frozen=True, slots=True)
class NewBackupCodes:
    """Codes that were made but not issued yet."""

    codes: tuple[str, ...] = field(repr=False)
    file: TextFile
    salt: bytes = field(repr=False)
    hashes: tuple[str, ...] = field(repr=False)


async def new_backup_codes(env: Environment, account_name: str) -> NewBackupCodes:
    """Make ten codes and hash them. Takes ten slow hashes, so it is for outside any transaction."""
    codes = generate_backup_codes(secrets.choice)
    salt = env.new_salt()
    hashes = await env.hashing.run(_hash_all, codes, salt)
    file = TextFile(
        name="backup-codes.txt",
        content=backup_codes_file(codes, product_name=env.issuer, account_name=account_name),
    )
    return NewBackupCodes(codes, file, salt, hashes)


def _hash_all(codes: tuple[str, ...], salt: bytes) -> tuple[str, ...]:
    return tuple(backup_code_hash(code, salt) for code in codes)


async def issue_backup_codes(
    env: Environment, client: Client, user: models.User, new: NewBackupCodes, activation: models.Activation | None
) -> None:
    """Keep new codes for the user, whose row is locked: in force at once, or with the activation.

    All earlier ones are void.
    """
    now = env.now()
    await models.BackupCodeSet.filter(user_id=user.id).delete()
    code_set = await models.BackupCodeSet.create(
        user_id=user.id, activation_id=activation and activation.id, salt=new.salt, created_at=now
    )
    await models.BackupCode.bulk_create(
        models.BackupCode(code_set_id=code_set.id, code_hash=code_hash) for code_hash in new.hashes
    )
    await audit.record(SecurityEventKind.BACKUP_CODES_ISSUED, user=user, client=client, now=now)


async def regenerate_backup_codes(
    env: Environment, client: Client, viewer: Viewer, password: str
) -> BackupCodesRegenerated:
    """Replace all backup codes; the old ones stop working at once.

    Raises:
        WrongPasswordError: The password does not match.
        TooManyAttemptsError: The next attempt has to wait; nothing was checked.
        TwoFactorNotActiveError: 2FA is not active.
        BackupCodesDisabledError: Backup codes are off for the company account.
        OverloadedError: Too much is being hashed already; nothing was checked or counted.
    """
    with env.hashing.place():
        proof = await prove_password(env, client, viewer, password)
        new = await new_backup_codes(env, viewer.user.email)
    async with acting_with(env, proof) as acting:
        if acting.user.two_factor_activated_at is None:
            raise TwoFactorNotActiveError
        if not policy.backup_codes_enabled(acting.company):
            raise BackupCodesDisabledError
        now = env.now()
        await issue_backup_codes(env, client, acting.user, new, activation=None)
        acting.user.backup_codes_remaining = BACKUP_CODES_A_SET
        await acting.user.save(update_fields=["backup_codes_remaining"])
        await end_challenges_and_activations(acting.user.id)
        await outbox.enqueue(
            LetterKind.BACKUP_CODES_REGENERATED, to=acting.user, now=now, facts=audit.circumstances(client, now)
        )
        return BackupCodesRegenerated(new.codes, new.file, acting.viewer.user)
