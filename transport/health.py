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

READY = "ready"

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
    """Checks if the server can handle requests: it reaches the database, and the tables match this version."""

    def __init__(self, database: Database, further_check: Callable[[], Awaitable[str | None]]) -> None:
        self._database = database
        self._further_check = further_check
        self._lock = asyncio.Lock()
        self._status = ""
        self._cached_until = 0.0

    async def respond(self, _request: Request) -> JSONResponse:
        """Return 200 if the server is ready; otherwise 503 and the reason."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if now >= self._cached_until:
                self._status = await self._check()
                self._cached_until = now + STATUS_CACHE_S
        return JSONResponse({"status": self._status}, 200 if self._status == READY else 503)

    async def _check(self) -> str:
        try:
            if not await self._database.is_current():
                return "migrations_pending"
            return await self._further_check() or READY
        except DatabaseUnavailable:
            return "database_unavailable"
        except Exception:  # an unknown error would affect requests too
            log.exception("readiness_check_failed")
            return "unknown"
