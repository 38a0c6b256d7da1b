"""Users, as the operator creates, changes and deletes them. Each change takes effect at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tortoise.exceptions import IntegrityError

import models
from accounts import attempt_limits, audit, user_changes
from accounts.companies import require_name
from accounts.entities import User
from accounts.errors import InvalidInputError, UserNotFoundError
from accounts.identity import email_key, name_sort_key, problem_of_email, user_search_key
from accounts.imported_hashes import problem_of_imported_hash
from accounts.other_admins import require_other_admin
from accounts.password_strength import Weakness
from accounts.passwords import hash_unless_weak
from accounts.profile import is_language_tag
from accounts.services import Client, Services
from accounts.user_changes import end_everything_open
from mail import emails, outbox
from models import Role, SecurityEventKind
from models.sql.users import lock_user
from security.constants import PASSWORD_MAX_LENGTH, PASSWORD_MIN_LENGTH
from security.fair_queue import COMMAND_LINE

OPERATOR = Client()
WEAKNESSES = {
    Weakness.TOO_SHORT: f"too short: at least {PASSWORD_MIN_LENGTH} characters",
    Weakness.TOO_LONG: f"too long: at most {PASSWORD_MAX_LENGTH} characters",
    Weakness.EASY_TO_GUESS: "too easy to guess",
}


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to create, with either a password or an argon2 hash of one (PHC string)."""

    email: str
    name: str
    role: Role = Role.MEMBER
    locale: str | None = None
    password: str | None = field(default=None, repr=False)
    password_hash: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class BadRow:
    """The reason why a row is rejected. `number` counts from 1."""

    number: int
    argument: str
    reason: str


async def create_user(services: Services, company_id: UUID, new: NewUser) -> User:
    """Create a user in a company account.

    Raises:
        InvalidInputError: A value of the user is invalid, or the email is taken.
    """
    bad, ready = await _prepare(services, company_id, [new])
    if bad:
        raise InvalidInputError(bad[0].argument, bad[0].reason)
    try:
        async with services.database.transaction():
            company = await models.Company.filter(id=company_id).first()
            if company is None:
                raise InvalidInputError("company", "there is no such company account")
            if await _taken(ready):
                raise InvalidInputError("email", "taken")
            [row] = await _insert(services, company, ready)
    except IntegrityError as error:
        # Another transaction took the email between the two statements.
        raise InvalidInputError("email", "taken") from error
    return User.of(row, company)


async def import_users(
    services: Services, company_id: UUID, new_users: Sequence[NewUser], *, skip_bad: bool = False
) -> tuple[int, list[BadRow]]:
    """Create many users in one transaction. If a row is bad, create none, or skip it if `skip_bad` is true.

    Returns:
        The number of created users, and the bad rows.

    Raises:
        InvalidInputError: There is no such company account, or another transaction took an email in the meantime.
    """
    bad, ready = await _prepare(services, company_id, new_users)
    try:
        async with services.database.transaction():
            company = await models.Company.filter(id=company_id).first()
            if company is None:
                raise InvalidInputError("company", "there is no such company account")
            taken = await _taken(ready)
            bad += [BadRow(row.number, "email", "taken") for row in ready if row.key in taken]
            good = [row for row in ready if row.key not in taken]
            if bad and not skip_bad:
                return 0, sorted(bad, key=lambda row: row.number)
            await _insert(services, company, good)
    except IntegrityError as error:
        raise InvalidInputError("email", "taken in the meantime; nothing was imported") from error
    return len(good), sorted(bad, key=lambda row: row.number)


async def list_users(services: Services, company_id: UUID) -> list[User]:
    """Return every user of a company account, ordered by name."""
    async with services.database.reading():
        rows = await models.User.filter(company_id=company_id).order_by("name_key", "id").select_related("company")
    return [User.of(row, row.company) for row in rows]


async def find_user_by_email(services: Services, email: str) -> User:
    """Return the user with this email.

    Raises:
        UserNotFoundError: No user has this email.
    """
    async with services.database.reading():
        row = await models.User.filter(email_key=email_key(email) or "").select_related("company").first()
    if row is None:
        raise UserNotFoundError
    return User.of(row, row.company)


async def set_role(services: Services, user_id: UUID, role: Role, *, force: bool = False) -> None:
    """Change the role of a user, as `accounts/user_changes.py` describes.

    Raises:
        UserNotFoundError: There is no such user.
        LastAdminError: The user is the last admin of the company account, and `force` is false.
    """
    async with services.database.transaction():
        user = await _locked(user_id)
        if role is not Role.ADMIN and not force:
            await require_other_admin(user)
        await user_changes.set_role(services, OPERATOR, user, role, by=None)


async def set_password(services: Services, user_id: UUID, password: str) -> None:
    """Set a new password for a user. End all their sessions and the wait on the old password, and send an email.

    Raises:
        UserNotFoundError: There is no such user.
        InvalidInputError: The password is too short, too long or too easy to guess.
    """
    async with services.database.reading():
        known = await models.User.filter(id=user_id).select_related("company").first()
    if known is None:
        raise UserNotFoundError
    password_hash = await _hash_of_new_password(services, password, about=(known.email, known.name, known.company.name))
    async with services.database.transaction():
        user = await _locked(user_id)
        user.password_hash = password_hash
        await user.save(update_fields=["password_hash"])
        await attempt_limits.reset_wait(attempt_limits.password_limit(services, user.email_key))
        await end_everything_open(user)
        await _record(services, SecurityEventKind.PASSWORD_CHANGED, user)
        details = audit.request_details(OPERATOR, services.now())
        await outbox.enqueue(emails.password_changed(details, enabled=user.is_enabled), to=user, now=services.now())


async def disable_user(services: Services, user_id: UUID, *, force: bool = False) -> None:
    """Disable a user, so that they cannot sign in. End everything that is open.

    Raises:
        UserNotFoundError: There is no such user.
        LastAdminError: The user is the last admin of the company account, and `force` is false.
    """
    async with services.database.transaction():
        user = await _locked(user_id)
        if not force:
            await require_other_admin(user)
        await user_changes.disable(services, OPERATOR, user, by=None)


async def enable_user(services: Services, user_id: UUID) -> None:
    """Enable a user, so that they can sign in again.

    Raises:
        UserNotFoundError: There is no such user.
    """
    async with services.database.transaction():
        await user_changes.enable(services, OPERATOR, await _locked(user_id), by=None)


async def unlock_user(services: Services, user_id: UUID) -> None:
    """End the waits and locks of strangers at the login of a user.

    Raises:
        UserNotFoundError: There is no such user.
    """
    async with services.database.transaction():
        await user_changes.unlock(services, OPERATOR, await _locked(user_id), by=None)


async def delete_user(services: Services, user_id: UUID, *, force: bool = False) -> None:
    """Delete a user and their data. Their events stay in the audit log of the company account.

    Raises:
        UserNotFoundError: There is no such user.
        LastAdminError: The user is the last admin of the company account, and `force` is false.
    """
    async with services.database.transaction():
        user = await _locked(user_id)
        if not force:
            await require_other_admin(user)
        await _record(services, SecurityEventKind.USER_DELETED, user, note=f"user_{user.id.hex}")
        await attempt_limits.delete_second_factor_counts(user.id)
        await user.delete()


@dataclass(frozen=True, slots=True)
class _Ready:
    number: int
    new: NewUser
    key: str
    password_hash: str = field(repr=False)


async def _prepare(
    services: Services, company_id: UUID, new_users: Iterable[NewUser]
) -> tuple[list[BadRow], list[_Ready]]:
    async with services.database.reading():
        company = await models.Company.filter(id=company_id).first()
    company_name = company.name if company else ""
    bad: list[BadRow] = []
    ready: list[_Ready] = []
    keys: set[str] = set()
    for number, new in enumerate(new_users, start=1):
        try:
            key = _checked_email_key(new, keys)
            password_hash = await _password_hash(services, company_name, new)
        except InvalidInputError as problem:
            bad.append(BadRow(number, problem.argument, problem.reason))
        else:
            keys.add(key)
            ready.append(_Ready(number, new, key, password_hash))
    return bad, ready


def _checked_email_key(new: NewUser, keys: set[str]) -> str:
    key, problem = email_key(new.email), problem_of_email(new.email)
    if key is None or problem:
        raise InvalidInputError("email", problem or "not an email address")
    if key in keys:
        raise InvalidInputError("email", "used twice")
    require_name(new.name)
    if new.locale is not None and not is_language_tag(new.locale):
        raise InvalidInputError("locale", "not a BCP 47 tag")
    return key


async def _password_hash(services: Services, company_name: str, new: NewUser) -> str:
    if (new.password is None) == (new.password_hash is None):
        raise InvalidInputError("password", "give either a password or a password hash")
    if new.password_hash is not None:
        if problem := problem_of_imported_hash(new.password_hash):
            raise InvalidInputError("password_hash", problem)
        return new.password_hash
    return await _hash_of_new_password(services, new.password or "", about=(new.email, new.name, company_name))


async def _hash_of_new_password(services: Services, password: str, *, about: tuple[str, ...]) -> str:
    """Return the hash of a new password. Reject a weak one."""
    async with services.hashing.admit(COMMAND_LINE) as hasher:
        password_hash = await hash_unless_weak(services, hasher, password, about=about)
    if isinstance(password_hash, Weakness):
        raise InvalidInputError("password", WEAKNESSES[password_hash])
    return password_hash


# SQLite allows 32,766 parameters in a statement, and a user has about twenty columns.
ROWS_PER_STATEMENT = 500


async def _taken(ready: Sequence[_Ready]) -> set[str]:
    taken: set[str] = set()
    for start in range(0, len(ready), ROWS_PER_STATEMENT):
        keys = [row.key for row in ready[start : start + ROWS_PER_STATEMENT]]
        taken.update([user.email_key for user in await models.User.filter(email_key__in=keys).only("email_key")])
    return taken


async def _insert(services: Services, company: models.Company, ready: Sequence[_Ready]) -> list[models.User]:
    now = services.now()
    rows = [
        models.User(
            company_id=company.id,
            email=row.new.email,
            email_key=row.key,
            name=row.new.name,
            name_key=name_sort_key(row.new.name),
            search_key=user_search_key(row.new.name, row.new.email),
            role=row.new.role,
            password_hash=row.password_hash,
            locale=row.new.locale,
            created_at=now,
        )
        for row in ready
    ]
    await models.User.bulk_create(rows, batch_size=ROWS_PER_STATEMENT)
    await audit.record_by_operator(SecurityEventKind.USER_CREATED, company.id, [row.id for row in rows], now)
    return rows


async def _locked(user_id: UUID) -> models.User:
    user = await lock_user(user_id)
    if user is None:
        raise UserNotFoundError
    return user


async def _record(services: Services, kind: SecurityEventKind, user: models.User, *, note: str | None = None) -> None:
    await audit.record(kind, user=user, client=OPERATOR, now=services.now(), note=note)
