"""Backup codes as a factor: create, issue, check and replace them."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime

import models
from accounts import audit, security_policy
from accounts.entities import User
from accounts.permissions import Viewer
from accounts.reauthentication import (
    end_challenges_and_activations,
    hash_requester,
    locked_account,
    reauthenticate_with,
)
from accounts.services import Client, Services
from mail import outbox
from models import EmailKind, SecurityEventKind
from models.sql.factors import use_backup_code as use_backup_code_row
from security.constants import BACKUP_CODES_PER_SET
from security.password_hashing import Hasher
from twofactor.errors import BackupCodesDisabledError, TwoFactorNotActiveError
from twofactor.factors.backup_code_format import backup_code_hash, backup_codes_file, generate_backup_codes


@dataclass(frozen=True, slots=True)
class TextFile:
    """A small text file for the client to save."""

    name: str
    content: str = field(repr=False)
    mime_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class NewBackupCodes:
    """Codes that are created but not issued yet."""

    codes: tuple[str, ...] = field(repr=False)
    file: TextFile
    salt: bytes = field(repr=False)
    hashes: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class BackupCodesRegenerated:
    """New backup codes, shown once. The old ones are invalid."""

    codes: tuple[str, ...] = field(repr=False)
    file: TextFile
    viewer: User


async def new_backup_codes(services: Services, hasher: Hasher, account_name: str) -> NewBackupCodes:
    """Create ten codes and hash them. It takes ten slow hashes, so call it outside any transaction."""
    codes = generate_backup_codes(secrets.choice)
    salt = services.new_salt()
    # One turn for each hash: others do not wait for all ten.
    hashes = tuple([await hasher.run(backup_code_hash, code, salt) for code in codes])
    file = TextFile(
        name="backup-codes.txt",
        content=backup_codes_file(codes, product_name=services.issuer, account_name=account_name),
    )
    return NewBackupCodes(codes, file, salt, hashes)


async def issue_backup_codes(
    services: Services, client: Client, user: models.User, new: NewBackupCodes, activation: models.Activation | None
) -> None:
    """Store new codes for a user whose row is locked, and delete the old ones.

    The codes are in force at once, or with the activation if there is one.
    """
    now = services.now()
    await models.BackupCodeSet.filter(user_id=user.id).delete()
    code_set = await models.BackupCodeSet.create(
        user_id=user.id, activation_id=activation and activation.id, salt=new.salt, created_at=now
    )
    await models.BackupCode.bulk_create(
        models.BackupCode(code_set_id=code_set.id, code_hash=code_hash) for code_hash in new.hashes
    )
    await audit.record(SecurityEventKind.BACKUP_CODES_ISSUED, user=user, client=client, now=now)


async def hash_for_check(services: Services, hasher: Hasher, code: str, code_set: models.BackupCodeSet | None) -> str:
    """Return the hash of a code with the salt of its set, for `use_backup_code`.

    Compute a hash even if the user has no codes. Otherwise the response time would show that there are none.
    """
    salt = code_set.salt if code_set else services.new_salt()
    return await hasher.run(backup_code_hash, code, salt)


async def use_backup_code(
    company: models.Company, code_set: models.BackupCodeSet | None, code_hash: str, now: datetime
) -> bool:
    """Use a code if backup codes are on. Return False if it is wrong or used, or its set was replaced."""
    set_id = code_set.id if code_set and security_policy.backup_codes_enabled(company) else None
    return await use_backup_code_row(set_id, code_hash, now)


async def regenerate_backup_codes(
    services: Services, client: Client, viewer: Viewer, password: str
) -> BackupCodesRegenerated:
    """Replace all backup codes of the viewer. The old ones stop working at once.

    Raises:
        WrongPasswordError: The password is wrong.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        TwoFactorNotActiveError: 2FA is not active.
        BackupCodesDisabledError: Backup codes are off for the company account.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
    """
    async with services.hashing.admit(hash_requester(viewer), hashes=1 + BACKUP_CODES_PER_SET) as hasher:
        proof = await reauthenticate_with(hasher, services, client, viewer, password)
        new = await new_backup_codes(services, hasher, viewer.user.email)
    async with locked_account(services, proof) as account:
        if account.user.two_factor_activated_at is None:
            raise TwoFactorNotActiveError
        if not security_policy.backup_codes_enabled(account.company):
            raise BackupCodesDisabledError
        now = services.now()
        await issue_backup_codes(services, client, account.user, new, activation=None)
        account.user.backup_codes_remaining = BACKUP_CODES_PER_SET
        await account.user.save(update_fields=["backup_codes_remaining"])
        await end_challenges_and_activations(account.user.id)
        await outbox.enqueue(
            EmailKind.BACKUP_CODES_REGENERATED, to=account.user, now=now, facts=audit.request_details(client, now)
        )
        return BackupCodesRegenerated(new.codes, new.file, account.viewer.user)
