"""Backup codes as a factor: create, issue, check and replace them."""

import asyncio
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from typing_extensions import override

import models
from accounts import audit, security_policy
from accounts.entities import DEFAULT_LOCALE, User
from accounts.event_facts import EventFacts
from accounts.permissions import Viewer
from accounts.reauthentication import (
    end_challenges_and_activations,
    hash_requester,
    lock_viewer,
    locked_account,
    reauthenticate_with,
)
from accounts.second_factor_of_changes import (
    EnteredSecondFactor,
    prepare_second_factor,
    require_second_factor,
)
from accounts.services import Client, Services
from mail import emails, outbox
from models import SecondFactorMethod, SecurityEventContext, SecurityEventKind
from models.sql.factors import use_backup_code
from security.constants import (
    BACKUP_CODES_PER_SET,
    CLOCK_SLACK,
    DUPLICATE_WAIT_S,
    FEW_BACKUP_CODES,
    REPLACEMENT_LIFETIME,
)
from security.key_ring import DecryptionError, EncryptedValue
from security.password_form import forms_to_check
from security.password_hashing import Hasher
from security.tokens import TokenKind, token_hash
from twofactor.errors import ActivationExpiredError, BackupCodesDisabledError, TwoFactorNotActiveError
from twofactor.factors.backup_code_file import backup_codes_file
from twofactor.factors.backup_code_format import (
    backup_code_hash,
    generate_backup_codes,
    normalise_backup_code,
)
from twofactor.factors.factor import Check, HashedFactor

# How often a call looks for the codes that another one computes.
DUPLICATE_POLL_S = 0.05

log = structlog.get_logger(__name__)


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
    salt: bytes = field(repr=False)
    hashes: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class BackupCodesRegenerated:
    """New backup codes, shown once. The old ones are invalid, or will be once the user acknowledges the new ones."""

    codes: tuple[str, ...] = field(repr=False)
    file: TextFile
    viewer: User
    # None if the new codes are in force.
    activation_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class BackupCodesAcknowledged:
    """The new backup codes are in force, and the old ones are invalid."""

    viewer: User


async def new_backup_codes(services: Services, hasher: Hasher) -> NewBackupCodes:
    """Create ten codes and hash them. It takes ten slow hashes, so call it outside any transaction."""
    codes = generate_backup_codes(secrets.choice)
    salt = services.new_salt()
    # One turn for each hash: others do not wait for all ten.
    hashes = tuple([await hasher.run(backup_code_hash, code, salt) for code in codes])
    return NewBackupCodes(codes, salt, hashes)


def codes_file(
    services: Services, client: Client, user: models.User, codes: tuple[str, ...], created_at: datetime
) -> TextFile:
    """Return the file of some codes for the user to save, in the language of the user or else of the client."""
    name, content = backup_codes_file(
        codes,
        product_name=services.issuer,
        account_name=user.email,
        created_at=created_at,
        locale=user.locale or client.locale or DEFAULT_LOCALE,
    )
    return TextFile(name, content)


async def issue_backup_codes(
    services: Services, client: Client, user: models.User, new: NewBackupCodes, activation: models.Activation | None
) -> TextFile:
    """Store new codes for a user whose row is locked, and delete the old ones. Return the file of the new ones.

    The codes are in force at once, or with the activation if there is one. In that case their texts are stored too.
    """
    now = services.now()
    code_set = await _replace_code_set(
        models.BackupCodeSet(
            user_id=user.id, activation_id=activation and activation.id, salt=new.salt, created_at=now
        ),
        new.hashes,
    )
    if activation:
        encrypted = services.encrypt("\n".join(new.codes).encode(), user.id)
        await models.UnacknowledgedCodes.create(
            activation_id=activation.id,
            code_set_id=code_set.id,
            user_id=user.id,
            encrypted_secret=encrypted.ciphertext,
            key_id=encrypted.key_id,
        )
    facts = EventFacts(during=SecurityEventContext.ACTIVATION if activation else SecurityEventContext.REGENERATION)
    await audit.record(SecurityEventKind.BACKUP_CODES_ISSUED, user=user, client=client, now=now, facts=facts)
    return codes_file(services, client, user, new.codes, now)


async def _replace_code_set(code_set: models.BackupCodeSet, code_hashes: Iterable[str]) -> models.BackupCodeSet:
    """Insert a set with its codes instead of all sets of its user, whose row is locked."""
    await models.BackupCodeSet.filter(user_id=code_set.user_id).delete()
    await code_set.save(force_create=True)
    await models.BackupCode.bulk_create(
        models.BackupCode(code_set_id=code_set.id, code_hash=code_hash) for code_hash in code_hashes
    )
    return code_set


async def find_unacknowledged_codes(
    services: Services, client: Client, user: models.User, activation: models.Activation
) -> tuple[tuple[str, ...], TextFile] | None:
    """Return the codes that were issued for an activation of a user, with the same file.

    Return None if there are none or they cannot be decrypted.
    """
    row = await models.UnacknowledgedCodes.filter(activation_id=activation.id).select_related("code_set").first()
    if row is None:
        return None
    try:
        text = services.key_ring.decrypt(EncryptedValue(row.key_id, row.encrypted_secret), row.user_id)
    except DecryptionError:
        log.error("backup_codes_decryption_failed", user_id=str(row.user_id), key_id=row.key_id)  # noqa: TRY400
        return None
    codes = tuple(text.decode().split("\n"))
    return codes, codes_file(services, client, user, codes, row.code_set.created_at)


async def wait_for_unacknowledged_codes(services: Services, activation_hash: str) -> None:
    """Wait until another call has issued the codes of an activation or ended it, at most `DUPLICATE_WAIT_S`."""
    ends_at = time.monotonic() + DUPLICATE_WAIT_S
    while time.monotonic() < ends_at:
        await asyncio.sleep(DUPLICATE_POLL_S)
        async with services.database.reading():
            activation = models.Activation.filter(token_hash=activation_hash, unacknowledged_codes__id__isnull=True)
            if not await activation.exists():
                return


class BackupCodeFactor(HashedFactor):
    """Backup codes (look-up secrets, NIST SP 800-63B §3.1.2)."""

    kind = SecondFactorMethod.BACKUP_CODE
    table = models.BackupCodeSet
    # Codes that are not acknowledged are not in force.
    in_force = "backup_code_set.activation_id IS NULL"

    @override
    def is_available(self, user: models.User, company: models.Company) -> bool:
        return security_policy.backup_codes_enabled(company) and user.backup_codes_remaining > 0

    @override
    def normalise(self, text: str) -> str | None:
        return normalise_backup_code(text)

    @override
    async def hash(self, services: Services, hasher: Hasher, rows: Sequence[models.BackupCodeSet], text: str) -> str:
        # Compute a hash even if the user has no codes. Otherwise the response time would show that there are none.
        salt = rows[0].salt if rows else services.new_salt()
        return await hasher.run(backup_code_hash, text, salt)

    @override
    async def verify(self, check: Check, text: str) -> bool:
        set_id = check.rows[0].id if check.rows and security_policy.backup_codes_enabled(check.company) else None
        if not await use_backup_code(set_id, text, check.services.now()):
            return False
        await _record_use(check)
        return True


async def _record_use(check: Check) -> None:
    client, user, now = check.client, check.user, check.services.now()
    user.backup_codes_remaining -= 1
    facts = EventFacts(BackupCodeFactor.kind, check.during)
    await audit.record(SecurityEventKind.BACKUP_CODE_USED, user=user, client=client, now=now, facts=facts)
    remaining = user.backup_codes_remaining
    request = audit.request_details(client, now)
    await outbox.enqueue(emails.backup_code_used(request, remaining=remaining), to=user, now=now)
    if remaining <= FEW_BACKUP_CODES:
        await outbox.enqueue(emails.few_backup_codes_left(remaining=remaining), to=user, now=now)


async def regenerate_backup_codes(  # noqa: PLR0913  # each is an argument of the mutation
    services: Services,
    client: Client,
    viewer: Viewer,
    password: str,
    *,
    second_factor: EnteredSecondFactor | None = None,
    until_acknowledged: bool = False,
) -> BackupCodesRegenerated:
    """Replace all backup codes of the viewer. The old ones stop working at once.

    If `until_acknowledged`, they work until `acknowledge_replacement`. New codes that wait for it are replaced.

    Raises:
        WrongPasswordError: The password is wrong.
        TooManyAttemptsError: The attempt has to wait. The server checked nothing.
        TwoFactorNotActiveError: 2FA is not active.
        BackupCodesDisabledError: Backup codes are off for the company account.
        SecondFactorNeededError: The company account requires the second factor.
        WrongSecondFactorError: The second factor is wrong, expired, already used or malformed.
        OverloadedError: The hashing pool is overloaded. The server checked and counted nothing.
    """
    hashes = len(forms_to_check(password)) + BACKUP_CODES_PER_SET
    async with services.hashing.admit(hash_requester(viewer), hashes=hashes) as hasher:
        proof = await reauthenticate_with(hasher, services, client, viewer, password)
        await prepare_second_factor(services, hasher, viewer, second_factor)
        new = await new_backup_codes(services, hasher)
    async with locked_account(services, proof) as account:
        if account.user.two_factor_activated_at is None:
            raise TwoFactorNotActiveError
        if not security_policy.backup_codes_enabled(account.company):
            raise BackupCodesDisabledError
        await require_second_factor(services, client, account, second_factor)
        if until_acknowledged:
            token = await _start_replacement(services, client, account.user, new)
            file = codes_file(services, client, account.user, new.codes, services.now())
            return BackupCodesRegenerated(new.codes, file, account.viewer.user, token)
        file = await issue_backup_codes(services, client, account.user, new, activation=None)
        await _complete_regeneration(services, client, account.user)
        return BackupCodesRegenerated(new.codes, file, account.viewer.user)


async def acknowledge_replacement(
    services: Services, client: Client, viewer: Viewer, replacement_hash: str
) -> BackupCodesAcknowledged:
    """Put new codes in force after the user has stored them, whether backup codes are still on or not.

    Any session of the user may do it. If the answer was lost, a repeated call returns it again while the codes are in
    force.

    Raises:
        ActivationExpiredError: The new codes are unknown, expired, replaced by newer ones, or ended by a change.
    """
    now = services.now()
    async with services.database.transaction():
        account = await lock_viewer(viewer)
        user = account.user
        replacement = await models.BackupCodeReplacement.filter(
            token_hash=replacement_hash, user_id=user.id, created_at__lte=now + CLOCK_SLACK, expires_at__gt=now
        ).first()
        # The DELETE lets exactly one of all simultaneous calls do it.
        if replacement is None or not await models.BackupCodeReplacement.filter(id=replacement.id).delete():
            if await models.BackupCodeSet.filter(user_id=user.id, replacement_token_hash=replacement_hash).exists():
                return BackupCodesAcknowledged(account.viewer.user)
            may_restart = account.viewer.user.two_factor.backup_codes_remaining is not None
            raise ActivationExpiredError(is_replacement=True, may_restart=may_restart)
        await _replace_code_set(
            models.BackupCodeSet(
                user_id=user.id, salt=replacement.salt, created_at=now, replacement_token_hash=replacement_hash
            ),
            replacement.code_hashes.split("\n"),
        )
        await audit.record(SecurityEventKind.BACKUP_CODES_ACKNOWLEDGED, user=user, client=client, now=now)
        await _complete_regeneration(services, client, user)
        return BackupCodesAcknowledged(account.viewer.user)


async def _start_replacement(services: Services, client: Client, user: models.User, new: NewBackupCodes) -> str:
    """Store new codes for a user whose row is locked, and return the token that puts them in force."""
    now, token = services.now(), services.new_token(TokenKind.REPLACEMENT)
    await models.BackupCodeReplacement.filter(user_id=user.id).delete()
    await models.BackupCodeReplacement.create(
        token_hash=token_hash(TokenKind.REPLACEMENT, token),
        user_id=user.id,
        salt=new.salt,
        code_hashes="\n".join(new.hashes),
        created_at=now,
        expires_at=now + REPLACEMENT_LIFETIME,
    )
    facts = EventFacts(during=SecurityEventContext.REGENERATION_UNTIL_ACKNOWLEDGED)
    await audit.record(SecurityEventKind.BACKUP_CODES_ISSUED, user=user, client=client, now=now, facts=facts)
    return token


async def _complete_regeneration(services: Services, client: Client, user: models.User) -> None:
    """Count the codes of a set that is in force now, end what the old one began, and send the email."""
    now = services.now()
    user.backup_codes_remaining = BACKUP_CODES_PER_SET
    await user.save(update_fields=["backup_codes_remaining"])
    await end_challenges_and_activations(user.id)
    await outbox.enqueue(emails.backup_codes_regenerated(audit.request_details(client, now)), to=user, now=now)
