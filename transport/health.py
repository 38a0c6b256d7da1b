"""Health routes for process managers and load balancers: `/health/alive` and `/health/ready`."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from models.database import Database, DatabaseUnavailable

# The status is cached for this time, so that many probes cause one database query.
STATUS_CACHE_S = 1.0

# Kubernetes waits one second for a probe.
RESPONSE_TIMEOUT_S = 0.8

READY = "ready"
UNAVAILABLE = "database_unavailable"

log = structlog.get_logger(__name__)


def health_routes(database: Database, further_check: Callable[[], Awaitable[str | None]]) -> list[Route]:
    """Return the routes `/health/alive` and `/health/ready`. `further_check` returns another problem, or None.

    The mail server is not checked: if it is unavailable, emails wait in the email outbox.
    """
    readiness = Readiness(database, further_check)
    return [Route("/health/alive", alive), Route("/health/ready", readiness.respond)]


async def alive(_request: Request) -> JSONResponse:
    """Return 200 while the process runs."""
    return JSONResponse({"status": "alive"})


class Readiness:
    """Checks if the server can handle requests: the tables match this version, and the database can be written to."""

    def __init__(self, database: Database, further_check: Callable[[], Awaitable[str | None]]) -> None:
        self._database = database
        self._further_check = further_check
        self._status = UNAVAILABLE
        self._valid_until = 0.0
        self._running_check: asyncio.Task[None] | None = None

    async def respond(self, _request: Request) -> JSONResponse:
        """Return 200 if the server is ready; otherwise 503 and the reason. Respond within `RESPONSE_TIMEOUT_S`.

        The check runs in a task of its own and continues after the response, so that a database that does not answer
        delays no probe.
        """
        status = await self._current_status()
        return JSONResponse({"status": status}, 200 if status == READY else 503)

    async def _current_status(self) -> str:
        if asyncio.get_running_loop().time() < self._valid_until:
            return self._status
        if self._running_check is None:
            self._running_check = asyncio.create_task(self._update_status())
        done, _ = await asyncio.wait({self._running_check}, timeout=RESPONSE_TIMEOUT_S)
        return self._status if done else UNAVAILABLE

    async def _update_status(self) -> None:
        try:
            self._status = await self._check()
            self._valid_until = asyncio.get_running_loop().time() + STATUS_CACHE_S
        finally:
            self._running_check = None

    async def _check(self) -> str:
        try:
            if not await self._database.is_current():
                return "migrations_pending"
            if not await self._database.is_writable():
                return "database_read_only"
            return await self._further_check() or READY
        except DatabaseUnavailable:
            return UNAVAILABLE
        except Exception:  # an unknown error would affect requests too
            log.exception("readiness_check_failed")
            return "unknown"
