"""Calls of use cases at the same time, in this process or in several processes that share only the database.

    with Workers(processes=2, keys=KEYS) as workers:
        outcomes = workers.run(url, now, [call("verify_otp", challenge=token, otp="123456")] * 50)

An outcome is the type name of the result or of the expected error, such as `LoggedIn` or `WrongSecondFactorError`. For
an unexpected error it is the whole traceback. The calls are distributed to the processes in turn. Each process first
authenticates the sessions and opens its database connections. All processes start when the last one is ready.
"""

from tests.support import cheap_hashes  # noqa: F401  # before the modules that read the parameters

# isort: split
import asyncio
import json
import subprocess
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import structlog

from accounts.admin_changes import disable_by_admin, enable_by_admin, set_role_by_admin, unlock_by_admin
from accounts.enforcement import EnforcedFor
from accounts.passwords import change_password
from accounts.permissions import Viewer
from accounts.security_policy import update_security_policy
from accounts.services import Client, Services
from accounts.sessions import authenticate, log_out
from accounts.user_enforcement import set_user_enforcement
from models import Role, SessionTransport, UserEnforcement
from models.database import Database, DatabaseUnavailable
from security.errors import DomainError
from security.fair_queue import FairQueue
from security.ip_rate_limiter import IpRateLimiter
from security.key_ring import KeyRing
from security.password_hashing import PLACES_PER_WORKER, HashingPool
from tests.support.clock import Clock
from twofactor.activation import acknowledge_backup_codes, start_activation
from twofactor.confirmation import confirm_otp
from twofactor.factors.backup_codes import regenerate_backup_codes
from twofactor.login import log_in
from twofactor.removal import deactivate, reset_by_admin
from twofactor.second_factor import verify_login
from twofactor.vouchers import EnteredVoucher

CLIENT = Client("192.0.2.9", "a concurrent worker", "en")
# More than the number of calls that wait at the same time in any test.
HASHING_QUEUE = 20_000

# The operation and the arguments of a call. The worker processes receive it as JSON.
Call = dict[str, Any]


def call(operation: str, **arguments: object) -> Call:
    """Return a call of one of the `OPERATIONS`. If the operation takes a viewer, `session` is the session token."""
    return {"operation": operation, **arguments}


async def _log_in(services: Services, email: str, password: str) -> object:
    return await log_in(services, CLIENT, email, password, SessionTransport.TOKEN)


async def _verify_otp(services: Services, challenge: str, otp: str) -> object:
    return await verify_login(services, CLIENT, challenge, kind="OTP", text=otp)


async def _verify_backup_code(services: Services, challenge: str, code: str) -> object:
    return await verify_login(services, CLIENT, challenge, kind="BACKUP_CODE", text=code)


async def _start(services: Services, viewer: Viewer, password: str, voucher: str | None = None) -> object:
    entered = None if voucher is None else EnteredVoucher(voucher)
    return await start_activation(services, CLIENT, viewer, password, voucher=entered)


async def _confirm(services: Services, viewer: Viewer, activation: str, otp: str) -> object:
    return await confirm_otp(services, CLIENT, viewer, activation, otp)


async def _acknowledge(services: Services, viewer: Viewer, activation: str) -> object:
    return await acknowledge_backup_codes(services, CLIENT, viewer, activation)


async def _regenerate(services: Services, viewer: Viewer, password: str) -> object:
    return await regenerate_backup_codes(services, CLIENT, viewer, password)


async def _deactivate(services: Services, viewer: Viewer, password: str) -> object:
    return await deactivate(services, CLIENT, viewer, password)


async def _reset(services: Services, viewer: Viewer, user_id: str, password: str) -> object:
    return await reset_by_admin(services, CLIENT, viewer, UUID(user_id), password, None)


async def _unlock(services: Services, viewer: Viewer, user_id: str, password: str) -> object:
    return await unlock_by_admin(services, CLIENT, viewer, UUID(user_id), password)


async def _disable(services: Services, viewer: Viewer, user_id: str, password: str) -> object:
    return await disable_by_admin(services, CLIENT, viewer, UUID(user_id), password)


async def _enable(services: Services, viewer: Viewer, user_id: str, password: str) -> object:
    return await enable_by_admin(services, CLIENT, viewer, UUID(user_id), password)


async def _set_role(services: Services, viewer: Viewer, user_id: str, role: str, password: str) -> object:
    return await set_role_by_admin(services, CLIENT, viewer, UUID(user_id), Role(role), password)


async def _set_policy(
    services: Services,
    viewer: Viewer,
    password: str,
    *,
    enforced: bool | None = None,
    codes: bool | None = None,
    enforced_for: str | None = None,
    days: int | None = None,
) -> object:
    return await update_security_policy(
        services,
        CLIENT,
        viewer,
        password,
        two_factor_enforced=enforced,
        backup_codes_enabled=codes,
        enforced_for=None if enforced_for is None else EnforcedFor(enforced_for),
        enforce_from=None if days is None else services.now() + timedelta(days=days),
    )


async def _set_rule(services: Services, viewer: Viewer, user_id: str, password: str, rule: str) -> object:
    enforcement = UserEnforcement(rule)
    return await set_user_enforcement(services, CLIENT, viewer, UUID(user_id), password, enforcement, None)


async def _change_password(services: Services, viewer: Viewer, password: str, new_password: str) -> object:
    return await change_password(services, CLIENT, viewer, password, new_password)


async def _log_out(services: Services, viewer: Viewer) -> object:
    return await log_out(services, CLIENT, viewer)


OPERATIONS: dict[str, Callable[..., Awaitable[object]]] = {
    "log_in": _log_in,
    "verify_otp": _verify_otp,
    "verify_backup_code": _verify_backup_code,
    "start": _start,
    "confirm": _confirm,
    "acknowledge": _acknowledge,
    "regenerate": _regenerate,
    "deactivate": _deactivate,
    "reset": _reset,
    "unlock": _unlock,
    "disable": _disable,
    "enable": _enable,
    "set_role": _set_role,
    "set_policy": _set_policy,
    "set_rule": _set_rule,
    "change_password": _change_password,
    "log_out": _log_out,
}


async def prepare(services: Services, calls: Sequence[Call]) -> list[Callable[[], Awaitable[object]]]:
    """Authenticate the session of each call, and return functions that run the calls."""
    viewers = {
        token: await authenticate(services, token) for token in {each["session"] for each in calls if "session" in each}
    }
    return [_prepared(services, dict(each), viewers) for each in calls]


def _prepared(
    services: Services, arguments: dict[str, Any], viewers: dict[str, Viewer | None]
) -> Callable[[], Awaitable[object]]:
    operation = OPERATIONS[arguments.pop("operation")]
    if "session" in arguments:
        viewer = viewers[arguments.pop("session")]
        assert viewer is not None, "the session does not exist"
        arguments["viewer"] = viewer
    return lambda: operation(services, **arguments)


async def run_concurrently(prepared: Sequence[Callable[[], Awaitable[object]]]) -> list[str]:
    """Run all calls concurrently in this process, and return their outcomes in the order of the calls."""
    return list(await asyncio.gather(*map(_outcome, prepared)))


async def _outcome(run: Callable[[], Awaitable[object]]) -> str:
    try:
        return type(await run()).__name__
    except (DomainError, DatabaseUnavailable) as error:
        return type(error).__name__
    except Exception:  # noqa: BLE001  # the test shows any other error
        return traceback.format_exc()


class Workers:
    """Worker processes that run calls. Their start takes about a second, a run much less."""

    def __init__(self, *, processes: int, keys: str) -> None:
        """Set the number of processes and their encryption keys, in the format of `KeyRing.parse`."""
        self._processes = [_Process() for _ in range(processes)]
        self._keys = keys
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start the processes."""
        for process in self._processes:
            self._stack.enter_context(process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback_: TracebackType | None
    ) -> None:
        """End the processes."""
        self._stack.close()

    def run(self, url: str, now: datetime, calls: Sequence[Call]) -> list[str]:
        """Run all calls concurrently in the processes, and return their outcomes in the order of the calls.

        This blocks until the last call has ended.
        """
        shares = [calls[number :: len(self._processes)] for number in range(len(self._processes))]
        for process, share in zip(self._processes, shares, strict=True):
            process.send({"url": url, "now": now.isoformat(), "keys": self._keys, "calls": share})
        for process in self._processes:
            assert process.receive() == "ready"
        for process in self._processes:
            process.send("go")
        outcomes = [""] * len(calls)
        for number, process in enumerate(self._processes):
            outcomes[number :: len(self._processes)] = process.receive()
        return outcomes


class _Process:
    """One worker process. Messages in both directions are lines of JSON."""

    def __enter__(self) -> Self:
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "tests.support.concurrent_workers"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback_: TracebackType | None
    ) -> None:
        # The process ends at the end of its input.
        self._popen.communicate(timeout=30)

    def send(self, message: object) -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.write(json.dumps(message) + "\n")
        self._popen.stdin.flush()

    def receive(self) -> Any:  # noqa: ANN401  # JSON
        assert self._popen.stdout is not None
        line = self._popen.stdout.readline()
        assert line, "the process has ended"
        return json.loads(line)


async def _run(message: dict[str, Any], hashing: HashingPool) -> list[str]:
    database = Database(message["url"])
    await database.open()
    try:
        services = Services(
            database=database,
            key_ring=KeyRing.parse(message["keys"]),
            hashing=hashing,
            ip_rate_limiter=IpRateLimiter(failures_allowed=1_000_000),
            issuer="Countersign",
            clock=Clock(datetime.fromisoformat(message["now"])),
        )
        prepared = await prepare(services, message["calls"])
        # Open the connections before the calls start.
        await asyncio.gather(*(_open_connection(database) for _ in range(5)))
        print(json.dumps("ready"), flush=True)  # noqa: T201  # the parent process reads it
        assert json.loads(sys.stdin.readline()) == "go"
        return await run_concurrently(prepared)
    finally:
        await database.close()


async def _open_connection(database: Database) -> None:
    async with database.reading():
        await database.connection.execute_query("SELECT 1")


def _main() -> None:
    # The parent process reads standard output.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    hashing = HashingPool(
        workers=1, queue=FairQueue(places=PLACES_PER_WORKER, max_waiting=HASHING_QUEUE, max_wait_s=600)
    )
    for line in sys.stdin:
        print(json.dumps(asyncio.run(_run(json.loads(line), hashing))), flush=True)  # noqa: T201  # the parent process reads it
    hashing.close()


if __name__ == "__main__":
    _main()
