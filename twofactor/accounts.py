"""Company accounts and users, as the operator makes, changes and ends them. Each change takes effect at once."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError
from tortoise.exceptions import IntegrityError

import models
from mail import outbox
from models import LetterKind, Role, SecurityEventKind
from twofactor import attempts, audit
from twofactor.acting import end_challenges_and_activations, lock_user
from twofactor.environment import Client, Environment
from twofactor.errors import InvalidInputError, UserNotFoundError
from twofactor.passwords import hash_unless_weak
from twofactor.results import Company, User
from twofactor.rules.identity import email_key, is_well_formed_name, search_key

OPERATOR = Client()
# The shape of a BCP 47 tag (RFC 5646 §2.1), not its registry.
LOCALE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)
LOCALE_MAX_LENGTH = 35
PASSWORD_HASH_MAX_LENGTH = 255


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to be made, with a password or the argon2 hash (PHC string) of one."""

    email: str
    name: str
    role: Role = Role.MEMBER
    locale: str | None = None
    password: str | None = field(default=None, repr=False)
    password_hash: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class BadRow:
    """Why a user cannot be made. `number` counts from 1."""

    number: int
    argument: str
    reason: str


async def create_company(
    env: Environment, name: str, *, two_factor_enforced: bool = False, backup_codes_enabled: bool = True
) -> Company:
    """Make a company account.

    Raises:
        InvalidInputError: The name is not 1 to 200 characters of plain text.
    """
    _require_name(name)
    async with env.database.transaction():
        row = await models.Company.create(
            name=name,
            two_factor_enforced=two_factor_enforced,
            backup_codes_enabled=backup_codes_enabled,
            created_at=env.now(),
        )
        await models.SecurityEvent.create(
            company_id=row.id, kind=SecurityEventKind.COMPANY_CREATED, occurred_at=row.created_at
        )
    return Company.of(row)


async def create_user(env: Environment, company_id: UUID, new: NewUser) -> User:
    """Make a user of a company account.

    Raises:
        InvalidInputError: Something about the user is out of bounds, or the email is taken.
    """
    bad, ready = await _prepare(env, [new])
    if bad:
        raise InvalidInputError(bad[0].argument, bad[0].reason)
    try:
        async with env.database.transaction():
            company = await models.Company.filter(id=company_id).first()
            if company is None:
                raise InvalidInputError("company", "there is no such company account")
            if await _taken(ready):
                raise InvalidInputError("email", "taken")
            [row] = await _insert(env, company, ready)
    except IntegrityError as error:
        # Somebody else took it between the two statements.
        raise InvalidInputError("email", "taken") from error
    return User.of(row, company)


async def import_users(
    env: Environment, company_id: UUID, new_users: Sequence[NewUser], *, skip_bad: bool = False
) -> tuple[int, list[BadRow]]:
    """Make many users in one transaction; nothing of it where one is bad, unless bad ones are to be skipped.

    Returns:
        How many were made, and what is wrong with the others.

    Raises:
        InvalidInputError: There is no such company account; or an email was taken while they were being made.
    """
    bad, ready = await _prepare(env, new_users)
    try:
        async with env.database.transaction():
            company = await models.Company.filter(id=company_id).first()
            if company is None:
                raise InvalidInputError("company", "there is no such company account")
            taken = await _taken(ready)
            bad += [BadRow(row.number, "email", "taken") for row in ready if row.key in taken]
            good = [row for row in ready if row.key not in taken]
            if bad and not skip_bad:
                return 0, sorted(bad, key=lambda row: row.number)
            await _insert(env, company, good)
    except IntegrityError as error:
        raise InvalidInputError("email", "one was taken meanwhile; nothing was imported") from error
    return len(good), sorted(bad, key=lambda row: row.number)


async def list_companies(env: Environment) -> list[Company]:
    """Every company account, by name."""
    async with env.database.reading():
        return [Company.of(row) for row in await models.Company.all().order_by("name", "id")]


async def list_users(env: Environment, company_id: UUID) -> list[User]:
    """Every user of a company account, by name."""
    async with env.database.reading():
        rows = await models.User.filter(company_id=company_id).order_by("name_key", "id").select_related("company")
    return [User.of(row, row.company) for row in rows]


async def find_user_by_email(env: Environment, email: str) -> User:
    """The user with this email.

    Raises:
        UserNotFoundError: There is none.
    """
    async with env.database.reading():
        row = await models.User.filter(email_key=email_key(email) or "").select_related("company").first()
    if row is None:
        raise UserNotFoundError
    return User.of(row, row.company)


async def set_role(env: Environment, user_id: UUID, role: Role) -> None:
    """Make a user an admin, or a member again. Sessions go on with the new role; what was begun ends.

    Raises:
        UserNotFoundError: There is no such user.
    """
    async with env.database.transaction():
        user = await _locked(user_id)
        user.role = role
        await user.save(update_fields=["role"])
        await end_challenges_and_activations(user.id)
        await _record(env, SecurityEventKind.ROLE_CHANGED, user, note=role.value)


async def set_password(env: Environment, user_id: UUID, password: str) -> None:
    """Give a user a new password. All their sessions end, waits on the old one too, and a letter tells them.

    Raises:
        UserNotFoundError: There is no such user.
        InvalidInputError: The password is too easy to guess.
    """
    async with env.database.reading():
        known = await models.User.filter(id=user_id).first()
    if known is None:
        raise UserNotFoundError
    password_hash = await hash_unless_weak(env, password, known.email, known.name)
    if password_hash is None:
        raise InvalidInputError("password", "too easy to guess")
    async with env.database.transaction():
        user = await _locked(user_id)
        user.password_hash = password_hash
        await user.save(update_fields=["password_hash"])
        await attempts.give_back_password(attempts.password_budget(env, user.email_key))
        await _end_everything_open(user)
        await _record(env, SecurityEventKind.PASSWORD_CHANGED, user)
        await outbox.enqueue(
            LetterKind.PASSWORD_CHANGED, to=user, now=env.now(), facts=audit.circumstances(OPERATOR, env.now())
        )


async def disable_user(env: Environment, user_id: UUID) -> None:
    """Keep a user from signing in. All their sessions end.

    Raises:
        UserNotFoundError: There is no such user.
    """
    async with env.database.transaction():
        user = await _locked(user_id)
        user.is_enabled = False
        await user.save(update_fields=["is_enabled"])
        await _end_everything_open(user)
        await _record(env, SecurityEventKind.USER_DISABLED, user)


async def enable_user(env: Environment, user_id: UUID) -> None:
    """Let a user sign in again.

    Raises:
        UserNotFoundError: There is no such user.
    """
    async with env.database.transaction():
        user = await _locked(user_id)
        user.is_enabled = True
        await user.save(update_fields=["is_enabled"])
        await _record(env, SecurityEventKind.USER_ENABLED, user)


async def delete_user(env: Environment, user_id: UUID) -> None:
    """Remove a user with all that is theirs. What happened stays in the audit trail of the company account.

    Raises:
        UserNotFoundError: There is no such user.
    """
    async with env.database.transaction():
        user = await _locked(user_id)
        await _record(env, SecurityEventKind.USER_DELETED, user, note=f"user_{user.id.hex}")
        await attempts.forget_second_factor(user.id)
        await user.delete()


@dataclass(frozen=True, slots=True)
class _Ready:
    number: int
    new: NewUser
    key: str
    password_hash: str = field(repr=False)


async def _prepare(env: Environment, new_users: Iterable[NewUser]) -> tuple[list[BadRow], list[_Ready]]:
    bad: list[BadRow] = []
    ready: list[_Ready] = []
    keys: set[str] = set()
    for number, new in enumerate(new_users, start=1):
        try:
            key = _checked_email_key(new, keys)
            password_hash = await _password_hash(env, new)
        except InvalidInputError as problem:
            bad.append(BadRow(number, problem.argument, problem.reason))
        else:
            keys.add(key)
            ready.append(_Ready(number, new, key, password_hash))
    return bad, ready


def _checked_email_key(new: NewUser, keys: set[str]) -> str:
    key = email_key(new.email)
    if key is None:
        raise InvalidInputError("email", "no email address")
    if key in keys:
        raise InvalidInputError("email", "stands there twice")
    _require_name(new.name)
    if new.locale is not None and not (len(new.locale) <= LOCALE_MAX_LENGTH and LOCALE.fullmatch(new.locale)):
        raise InvalidInputError("locale", "no BCP 47 tag")
    return key


async def _password_hash(env: Environment, new: NewUser) -> str:
    if (new.password is None) == (new.password_hash is None):
        raise InvalidInputError("password", "give either a password or a hash of one")
    if new.password_hash is not None:
        try:
            extract_parameters(new.password_hash)
        except InvalidHashError as error:
            raise InvalidInputError("password_hash", "no argon2 hash") from error
        if len(new.password_hash) > PASSWORD_HASH_MAX_LENGTH:
            raise InvalidInputError("password_hash", f"at most {PASSWORD_HASH_MAX_LENGTH} characters")
        return new.password_hash
    password_hash = await hash_unless_weak(env, new.password or "", new.email, new.name)
    if password_hash is None:
        raise InvalidInputError("password", "too easy to guess")
    return password_hash


# SQLite takes at most 32,766 parameters a statement, and a user has some twenty columns.
ROWS_A_STATEMENT = 500


async def _taken(ready: Sequence[_Ready]) -> set[str]:
    taken: set[str] = set()
    for start in range(0, len(ready), ROWS_A_STATEMENT):
        keys = [row.key for row in ready[start : start + ROWS_A_STATEMENT]]
        taken.update([user.email_key for user in await models.User.filter(email_key__in=keys).only("email_key")])
    return taken


async def _insert(env: Environment, company: models.Company, ready: Sequence[_Ready]) -> list[models.User]:
    now = env.now()
    rows = [
        models.User(
            company_id=company.id,
            email=row.new.email,
            email_key=row.key,
            name=row.new.name,
            name_key=search_key(row.new.name),
            search_key=search_key(f"{row.new.name}\n{row.new.email}"),
            role=row.new.role,
            password_hash=row.password_hash,
            locale=row.new.locale,
            created_at=now,
        )
        for row in ready
    ]
    await models.User.bulk_create(rows, batch_size=ROWS_A_STATEMENT)
    await models.SecurityEvent.bulk_create(
        [
            models.SecurityEvent(
                company_id=company.id, user_id=row.id, kind=SecurityEventKind.USER_CREATED, occurred_at=now
            )
            for row in rows
        ],
        batch_size=ROWS_A_STATEMENT,
    )
    return rows


async def _locked(user_id: UUID) -> models.User:
    user = await lock_user(user_id)
    if user is None:
        raise UserNotFoundError
    return user


async def _end_everything_open(user: models.User) -> None:
    await models.Session.filter(user_id=user.id).delete()
    await end_challenges_and_activations(user.id)


async def _record(env: Environment, kind: SecurityEventKind, user: models.User, note: str | None = None) -> None:
    await audit.record(kind, user=user, client=OPERATOR, now=env.now(), note=note)


def _require_name(name: str) -> None:
    if not is_well_formed_name(name):
        raise InvalidInputError("name", "1 to 200 characters of plain text")
