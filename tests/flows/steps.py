"""What people do, step by step, and how to see what came of it: rows, audit events and letters."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest

import models
from models import LetterKind, SecurityEventKind, SessionTransport
from tests.conftest import PASSWORD
from tests.support.authenticator import Authenticator
from tests.support.clock import Clock
from twofactor.access import Viewer
from twofactor.activation import acknowledge_backup_codes, confirm_otp, start_activation
from twofactor.environment import Client, Environment
from twofactor.errors import TwoFactorError
from twofactor.hashing import HashingPool
from twofactor.login import log_in, verify_login
from twofactor.results import BackupCodesIssued, LoggedIn, SecondFactorRequired
from twofactor.sessions import authenticate

CLIENT = Client("192.0.2.7", "Firefox", "de")
TOKEN = SessionTransport.TOKEN
WRONG_PASSWORD = "wrong horse battery staple"
# Of the right form, and of no set: the chance that it is one of ten is 1 in 2⁴⁶.
WRONG_BACKUP_CODE = "0000000000"
STEP = timedelta(seconds=30)

ErrorT = TypeVar("ErrorT", bound=TwoFactorError)
ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Enrolled:
    """Somebody whose 2FA is active."""

    viewer: Viewer
    app: Authenticator
    codes: tuple[str, ...]


async def first_step(env: Environment, email: str, password: str = PASSWORD) -> SecondFactorRequired:
    """Sign in with the password, as somebody whose 2FA is active."""
    answer = await log_in(env, CLIENT, email, password, TOKEN)
    assert isinstance(answer, SecondFactorRequired)
    return answer


async def challenge_of(env: Environment, email: str, password: str = PASSWORD) -> str:
    """The token of a fresh challenge."""
    return (await first_step(env, email, password)).challenge_token


async def sign_in(env: Environment, email: str, password: str = PASSWORD, client: Client = CLIENT) -> Viewer:
    """Sign in with the password alone."""
    answer = await log_in(env, client, email, password, TOKEN)
    assert isinstance(answer, LoggedIn)
    return await recognised(env, answer)


async def sign_in_with_otp(env: Environment, email: str, app: Authenticator, password: str = PASSWORD) -> Viewer:
    """Sign in with the password and what the app shows."""
    return await recognised(env, await give_otp(env, await challenge_of(env, email, password), app.otp(env.now())))


async def recognised(env: Environment, signed_in: LoggedIn) -> Viewer:
    """Who carries the token of a session that has just begun."""
    viewer = await authenticate(env, signed_in.token)
    assert viewer is not None
    return viewer


async def give_otp(env: Environment, challenge: str, otp: str) -> LoggedIn:
    """The second step, with an OTP."""
    return await verify_login(env, CLIENT, challenge, otp=otp, backup_code=None)


async def give_backup_code(env: Environment, challenge: str, code: str) -> LoggedIn:
    """The second step, with a backup code."""
    return await verify_login(env, CLIENT, challenge, otp=None, backup_code=code)


async def refresh(env: Environment, viewer: Viewer) -> Viewer:
    """The viewer as the next request of their session finds them."""
    async with env.database.reading():
        session = await models.Session.get(id=viewer.session.id).select_related("user__company")
    row = session.user
    return Viewer(viewer.user.of(row, row.company), viewer.session.of(session, current=True))


async def confirmed_activation(env: Environment, viewer: Viewer) -> tuple[str, Authenticator, tuple[str, ...]]:
    """An activation whose OTP is confirmed, with the app and the codes, which are none where codes are off."""
    activation = await start_activation(env, CLIENT, viewer, PASSWORD)
    app = Authenticator.parse(activation.otpauth_uri)
    answer = await confirm_otp(env, CLIENT, viewer, activation.activation_id, app.otp(env.now()))
    return activation.activation_id, app, answer.codes if isinstance(answer, BackupCodesIssued) else ()


async def enrol(env: Environment, clock: Clock, viewer: Viewer) -> Enrolled:
    """Activate 2FA, and wait until the app shows an OTP that was not used for it."""
    activation_id, app, codes = await confirmed_activation(env, viewer)
    if codes:
        await acknowledge_backup_codes(env, CLIENT, viewer, activation_id)
    clock.advance(STEP)
    return Enrolled(await refresh(env, viewer), app, codes)


async def refused(attempt: Awaitable[object], error: type[ErrorT]) -> ErrorT:
    """How an attempt was refused."""
    with pytest.raises(error) as raised:
        await attempt
    assert type(raised.value) is error
    return raised.value


class InterruptedPool(HashingPool):
    """The real pool, but something happens just before the first slow hash that is waited for."""

    def __init__(self, meanwhile: Callable[[], Awaitable[object]]) -> None:
        super().__init__(workers=1)
        self._meanwhile: list[Callable[[], Awaitable[object]]] = [meanwhile]

    async def run(self, slow: Callable[..., ResultT], *arguments: object) -> ResultT:
        """Run something slow in the pool, after what happens meanwhile."""
        while self._meanwhile:
            await self._meanwhile.pop()()
        return await super().run(slow, *arguments)


@contextmanager
def interrupted(env: Environment, meanwhile: Callable[[], Awaitable[object]]) -> Iterator[Environment]:
    """The same world, but between claiming an attempt and hashing something happens."""
    pool = InterruptedPool(meanwhile)
    try:
        yield replace(env, hashing=pool)
    finally:
        pool.close()


def told(*what: SecurityEventKind | LetterKind) -> list[str]:
    """The audit events and letters that something leaves, in no particular order."""
    return sorted(what)


class Trail:
    """The audit events and letters, read as they come."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._seen: Counter[str] = Counter()

    async def news(self) -> list[str]:
        """What was written since the last call, in no particular order."""
        async with self._env.database.reading():
            events = [each.kind for each in await models.SecurityEvent.all().only("kind")]
            letters = [each.kind for each in await models.Letter.all().only("kind")]
        written = Counter[str]([*events, *letters])
        new = written - self._seen
        self._seen = written
        return sorted(new.elements())


async def events_of(env: Environment, kind: SecurityEventKind) -> list[models.SecurityEvent]:
    """The events of a kind, the oldest first."""
    async with env.database.reading():
        return await models.SecurityEvent.filter(kind=kind).order_by("occurred_at")


async def letters_of(env: Environment, kind: LetterKind) -> list[models.Letter]:
    """The letters of a kind, the oldest first."""
    async with env.database.reading():
        return await models.Letter.filter(kind=kind).order_by("created_at")


# All that a refusal may not change: everything but what is counted and what is told.
STATE_TABLES = (
    "company", "user_account", "session", "challenge", "activation", "authenticator", "backup_code_set", "backup_code"
)  # fmt: skip


async def state(env: Environment) -> dict[str, list[Any]]:
    """Every row that says where accounts stand, byte for byte."""
    async with env.database.reading():
        return {
            table: sorted(
                (dict(row) for row in await env.database.connection.execute_query_dict(f"SELECT * FROM {table}")),  # noqa: S608
                key=repr,
            )
            for table in STATE_TABLES
        }


async def count(env: Environment, table: type[models.Session] | type[Any], **conditions: object) -> int:
    """How many rows there are."""
    async with env.database.reading():
        number: int = await table.filter(**conditions).count()
        return number


async def change_rules(env: Environment, company: models.Company, **rules: bool) -> None:
    """Let a company account have other rules, as from now on."""
    async with env.database.transaction():
        await models.Company.filter(id=company.id).update(**rules)


async def set_budget(
    env: Environment, user: models.User, factor: models.Factor, *, failures: int, since_sign_in: int, last: datetime
) -> None:
    """Let a second factor have been wrong so often."""
    async with env.database.transaction():
        await models.AttemptBudget.update_or_create(
            {"failures": failures, "failures_since_sign_in": since_sign_in, "last_attempt_at": last},
            subject=user.id.hex,
            factor=factor,
        )
