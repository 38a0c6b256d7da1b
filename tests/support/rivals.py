"""Rivals: attempts made at the same instant, in one process or in several that share nothing but the database.

    with Rivals(processes=2, keys=KEYS) as rivals:
        outcomes = rivals.race(url, now, [attempt("give_otp", challenge=token, otp="123456")] * 50)

An outcome is the name of the type of what was answered or raised, such as `LoggedIn` or `WrongSecondFactorError`; of
what a use case may never raise it is the whole traceback. The attempts are dealt out to the processes in turn; each
process recognises the sessions it needs and opens its connections first, and all begin when the last one is ready.
"""

import asyncio
import json
import subprocess
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from models import SessionTransport
from models.database import Database, DatabaseUnavailable
from twofactor.access import Viewer
from twofactor.activation import acknowledge_backup_codes, confirm_otp, start_activation
from twofactor.addresses import AddressLimiter
from twofactor.backup_codes import regenerate_backup_codes
from twofactor.environment import Client, Environment
from twofactor.errors import TwoFactorError
from twofactor.hashing import HashingPool
from twofactor.login import log_in, verify_login
from twofactor.passwords import change_password
from twofactor.policy import update_security_policy
from twofactor.removal import deactivate, reset_by_admin
from twofactor.rules.sealing import KeyRing
from twofactor.sessions import authenticate, log_out

CLIENT = Client("192.0.2.9", "a rival", "en")
# More than any race here makes wait at once.
HASHING_QUEUE = 20_000

# What an attempt is called, and with which arguments: it travels as JSON.
Attempt = dict[str, Any]


def attempt(act: str, **arguments: object) -> Attempt:
    """An attempt at one of the `ACTS`. `session` is the token of whoever makes it, where it takes a viewer."""
    return {"act": act, **arguments}


async def _log_in(env: Environment, email: str, password: str) -> object:
    return await log_in(env, CLIENT, email, password, SessionTransport.TOKEN)


async def _give_otp(env: Environment, challenge: str, otp: str) -> object:
    return await verify_login(env, CLIENT, challenge, otp=otp, backup_code=None)


async def _give_backup_code(env: Environment, challenge: str, code: str) -> object:
    return await verify_login(env, CLIENT, challenge, otp=None, backup_code=code)


async def _start(env: Environment, viewer: Viewer, password: str) -> object:
    return await start_activation(env, CLIENT, viewer, password)


async def _confirm(env: Environment, viewer: Viewer, activation: str, otp: str) -> object:
    return await confirm_otp(env, CLIENT, viewer, activation, otp)


async def _acknowledge(env: Environment, viewer: Viewer, activation: str) -> object:
    return await acknowledge_backup_codes(env, CLIENT, viewer, activation)


async def _regenerate(env: Environment, viewer: Viewer, password: str) -> object:
    return await regenerate_backup_codes(env, CLIENT, viewer, password)


async def _deactivate(env: Environment, viewer: Viewer, password: str) -> object:
    return await deactivate(env, CLIENT, viewer, password)


async def _reset(env: Environment, viewer: Viewer, user_id: str, password: str) -> object:
    return await reset_by_admin(env, CLIENT, viewer, UUID(user_id), password, None)


async def _set_policy(
    env: Environment, viewer: Viewer, password: str, *, enforced: bool | None = None, codes: bool | None = None
) -> object:
    return await update_security_policy(
        env, CLIENT, viewer, password, two_factor_enforced=enforced, backup_codes_enabled=codes
    )


async def _change_password(env: Environment, viewer: Viewer, password: str, new_password: str) -> object:
    return await change_password(env, CLIENT, viewer, password, new_password)


async def _log_out(env: Environment, viewer: Viewer) -> object:
    return await log_out(env, CLIENT, viewer)


ACTS: dict[str, Callable[..., Awaitable[object]]] = {
    "log_in": _log_in,
    "give_otp": _give_otp,
    "give_backup_code": _give_backup_code,
    "start": _start,
    "confirm": _confirm,
    "acknowledge": _acknowledge,
    "regenerate": _regenerate,
    "deactivate": _deactivate,
    "reset": _reset,
    "set_policy": _set_policy,
    "change_password": _change_password,
    "log_out": _log_out,
}


async def prepare(env: Environment, attempts: Sequence[Attempt]) -> list[Callable[[], Awaitable[object]]]:
    """Each attempt, ready to be made, with its session recognised."""
    viewers = {
        token: await authenticate(env, token) for token in {each["session"] for each in attempts if "session" in each}
    }
    return [_prepared(env, dict(each), viewers) for each in attempts]


def _prepared(
    env: Environment, arguments: dict[str, Any], viewers: dict[str, Viewer | None]
) -> Callable[[], Awaitable[object]]:
    act = ACTS[arguments.pop("act")]
    if "session" in arguments:
        viewer = viewers[arguments.pop("session")]
        assert viewer is not None, "no such session"
        arguments["viewer"] = viewer
    return lambda: act(env, **arguments)


async def race(prepared: Sequence[Callable[[], Awaitable[object]]]) -> list[str]:
    """Make all the attempts at once, in this process. Their outcomes, in order."""
    return list(await asyncio.gather(*map(_outcome, prepared)))


async def _outcome(make: Callable[[], Awaitable[object]]) -> str:
    try:
        return type(await make()).__name__
    except (TwoFactorError, DatabaseUnavailable) as refusal:
        return type(refusal).__name__
    except Exception:  # noqa: BLE001  # whatever it is, the test is to show it
        return traceback.format_exc()


class Rivals:
    """Processes that wait for races to run. Starting one takes a second or so, a race much less."""

    def __init__(self, *, processes: int, keys: str) -> None:
        """Have so many processes, which seal with these keys (as `KeyRing.parse` reads them)."""
        self._processes = [_Process() for _ in range(processes)]
        self._keys = keys
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start them."""
        for process in self._processes:
            self._stack.enter_context(process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End them."""
        self._stack.close()

    def race(self, url: str, now: datetime, attempts: Sequence[Attempt]) -> list[str]:
        """Make all the attempts at once, dealt out to the processes. Their outcomes, in order. Blocks."""
        hands = [attempts[number :: len(self._processes)] for number in range(len(self._processes))]
        for process, hand in zip(self._processes, hands, strict=True):
            process.tell({"url": url, "now": now.isoformat(), "keys": self._keys, "attempts": hand})
        for process in self._processes:
            assert process.hear() == "ready"
        for process in self._processes:
            process.tell("go")
        outcomes = [""] * len(attempts)
        for number, process in enumerate(self._processes):
            outcomes[number :: len(self._processes)] = process.hear()
        return outcomes


class _Process:
    """One process: it is told and heard in lines of JSON."""

    def __enter__(self) -> Self:
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "tests.support.rivals"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        # The end of its input is its end.
        self._popen.communicate(timeout=30)

    def tell(self, message: object) -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.write(json.dumps(message) + "\n")
        self._popen.stdin.flush()

    def hear(self) -> Any:  # noqa: ANN401  # JSON
        assert self._popen.stdout is not None
        line = self._popen.stdout.readline()
        assert line, "the process has ended"
        return json.loads(line)


@dataclass(frozen=True)
class _StoppedClock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


async def _run(round_: dict[str, Any], hashing: HashingPool) -> list[str]:
    database = Database(round_["url"])
    await database.open()
    try:
        env = Environment(
            database=database,
            key_ring=KeyRing.parse(round_["keys"]),
            hashing=hashing,
            addresses=AddressLimiter(failures_allowed=1_000_000),
            issuer="Countersign",
            clock=_StoppedClock(datetime.fromisoformat(round_["now"])),
        )
        prepared = await prepare(env, round_["attempts"])
        # So that no connection has to be made during the race.
        await asyncio.gather(*(_touch(database) for _ in range(5)))
        print(json.dumps("ready"), flush=True)  # noqa: T201  # how processes speak here
        assert json.loads(sys.stdin.readline()) == "go"
        return await race(prepared)
    finally:
        await database.close()


async def _touch(database: Database) -> None:
    async with database.reading():
        await database.connection.execute_query("SELECT 1")


def _main() -> None:
    hashing = HashingPool(workers=1, queue=HASHING_QUEUE)
    for line in sys.stdin:
        print(json.dumps(asyncio.run(_run(json.loads(line), hashing))), flush=True)  # noqa: T201  # see above
    hashing.close()


if __name__ == "__main__":
    _main()
