"""Helpers that call the use cases, and that read their results: rows, audit events and emails."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pytest
from typing_extensions import override

import models
from accounts.cleanup import delete_expired_rows
from accounts.permissions import Viewer
from accounts.services import Client, Services
from accounts.sessions import LoggedIn, authenticate
from models import SecurityEventKind, SessionTransport
from security.errors import DomainError
from security.password_hashing import HashingPool
from tests.support.authenticator import Authenticator
from tests.support.clock import TIME_STEP, Clock
from tests.support.users import PASSWORD
from twofactor.activation import acknowledge_backup_codes, start_activation
from twofactor.confirmation import BackupCodesIssued, confirm_otp
from twofactor.login import SecondFactorRequired, log_in
from twofactor.second_factor import verify_login

CLIENT = Client("192.0.2.7", "Firefox", "de")
TOKEN = SessionTransport.TOKEN

ErrorT = TypeVar("ErrorT", bound=DomainError)
ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Enrolled:
    """A user with active 2FA: the viewer, the authenticator and the backup codes."""

    viewer: Viewer
    authenticator: Authenticator
    codes: tuple[str, ...]


async def start_sign_in(services: Services, email: str, password: str = PASSWORD) -> SecondFactorRequired:
    """Sign in with the password, for a user with active 2FA."""
    answer = await log_in(services, CLIENT, email, password, TOKEN)
    assert isinstance(answer, SecondFactorRequired)
    return answer


async def new_challenge(services: Services, email: str, password: str = PASSWORD) -> str:
    """Sign in with the password, and return the challenge token."""
    return (await start_sign_in(services, email, password)).challenge_token


async def sign_in(services: Services, email: str, password: str = PASSWORD, client: Client = CLIENT) -> Viewer:
    """Sign in with the password, for a user without 2FA."""
    answer = await log_in(services, client, email, password, TOKEN)
    assert isinstance(answer, LoggedIn)
    return await viewer_of(services, answer)


async def sign_in_with_otp(
    services: Services, email: str, authenticator: Authenticator, password: str = PASSWORD
) -> Viewer:
    """Sign in with the password and the current OTP."""
    challenge = await new_challenge(services, email, password)
    return await viewer_of(services, await verify_otp(services, challenge, authenticator.otp(services.now())))


async def viewer_of(services: Services, logged_in: LoggedIn) -> Viewer:
    """Return the viewer of a session that has just started."""
    viewer = await authenticate(services, logged_in.token)
    assert viewer is not None
    return viewer


async def verify_otp(services: Services, challenge: str, otp: str) -> LoggedIn:
    """Complete a sign-in with an OTP."""
    return await verify_login(services, CLIENT, challenge, kind="OTP", text=otp)


async def verify_backup_code(services: Services, challenge: str, code: str) -> LoggedIn:
    """Complete a sign-in with a backup code."""
    return await verify_login(services, CLIENT, challenge, kind="BACKUP_CODE", text=code)


async def reload_viewer(services: Services, viewer: Viewer) -> Viewer:
    """Load the viewer again, as the next request of the session does."""
    async with services.database.reading():
        session = await models.Session.get(id=viewer.session.id).select_related("user__company")
    row = session.user
    return Viewer(viewer.user.of(row, row.company), viewer.session.of(session, current=True))


async def start_and_confirm_activation(
    services: Services, viewer: Viewer
) -> tuple[str, Authenticator, tuple[str, ...]]:
    """Return the id, the authenticator and the codes of a confirmed activation. There are no codes if they are off."""
    activation = await start_activation(services, CLIENT, viewer, PASSWORD)
    authenticator = Authenticator.parse(activation.otpauth_uri)
    otp = authenticator.otp(services.now())
    answer = await confirm_otp(services, CLIENT, viewer, activation.activation_id, otp)
    codes = answer.codes if isinstance(answer, BackupCodesIssued) else ()
    return activation.activation_id, authenticator, codes


async def enrol(services: Services, clock: Clock, viewer: Viewer) -> Enrolled:
    """Activate 2FA, and advance the clock until the authenticator shows an unused OTP."""
    activation_id, authenticator, codes = await start_and_confirm_activation(services, viewer)
    if codes:
        await acknowledge_backup_codes(services, CLIENT, viewer, activation_id)
    clock.advance(TIME_STEP)
    return Enrolled(await reload_viewer(services, viewer), authenticator, codes)


async def raises(attempt: Awaitable[object], error: type[ErrorT]) -> ErrorT:
    """Assert that the attempt raises an error of exactly this type, and return the error."""
    with pytest.raises(error) as raised:
        await attempt
    assert type(raised.value) is error
    return raised.value


class HookedHashingPool(HashingPool):
    """A real pool that runs a hook before the first hash."""

    def __init__(self, hook: Callable[[], Awaitable[object]]) -> None:
        super().__init__(workers=1)
        self._hooks: list[Callable[[], Awaitable[object]]] = [hook]

    @override
    async def run_in_thread(self, slow: Callable[..., ResultT], *arguments: object) -> ResultT:
        """Run the hook, then the slow function in the pool."""
        while self._hooks:
            await self._hooks.pop()()
        return await super().run_in_thread(slow, *arguments)


@contextmanager
def before_hashing(services: Services, hook: Callable[[], Awaitable[object]]) -> Iterator[Services]:
    """Yield services that run the hook after the server reserved an attempt and before it computes the hash."""
    pool = HookedHashingPool(hook)
    try:
        yield replace(services, hashing=pool)
    finally:
        pool.close()


class SideEffects:
    """Collects the kinds of the new audit events and outbox emails."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._seen: Counter[str] = Counter()

    async def new(self) -> list[str]:
        """Return the kinds of the events and emails since the last call, sorted."""
        async with self._services.database.reading():
            events = [each.kind for each in await models.SecurityEvent.all().only("kind")]
            emails = [each.kind for each in await models.OutboxEmail.all().only("kind")]
        written = Counter[str]([*events, *emails])
        new = written - self._seen
        self._seen = written
        return sorted(new.elements())

    @staticmethod
    def expected(*kinds: SecurityEventKind | str) -> list[str]:
        """Return these kinds in the order of `new`."""
        return sorted(kinds)


async def events_of(services: Services, kind: SecurityEventKind) -> list[models.SecurityEvent]:
    """Return the events of a kind, the oldest first."""
    async with services.database.reading():
        return await models.SecurityEvent.filter(kind=kind).order_by("occurred_at")


async def emails_of(services: Services, kind: str) -> list[models.OutboxEmail]:
    """Return the emails of a kind, the oldest first."""
    async with services.database.reading():
        return await models.OutboxEmail.filter(kind=kind).order_by("created_at")


# A use case that fails may change no row of these tables. It may change attempt counts, audit events and emails.
ACCOUNT_TABLES = (
    "company", "user_account", "session", "challenge", "activation", "authenticator", "backup_code_set", "backup_code",
    "unacknowledged_codes", "backup_code_replacement",
)  # fmt: skip


async def account_rows(services: Services) -> dict[str, list[Any]]:
    """Return all rows of the account tables."""
    async with services.database.reading():
        return {
            table: sorted(
                (dict(row) for row in await services.database.connection.execute_query_dict(f"SELECT * FROM {table}")),  # noqa: S608
                key=repr,
            )
            for table in ACCOUNT_TABLES
        }


async def count_rows(services: Services, table: type[models.Session] | type[Any], **conditions: object) -> int:
    """Return the number of rows that meet the conditions."""
    async with services.database.reading():
        number: int = await table.filter(**conditions).count()
        return number


async def clean_up(services: Services) -> int:
    """Delete all expired rows, and return their number."""
    return sum([deleted async for deleted in delete_expired_rows(services)])
