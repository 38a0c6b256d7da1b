"""Whether the process lives, and whether it can answer: for those who start, stop and send it requests."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from models.database import Database, DatabaseUnavailable

# However often it is asked, the database is asked no more often than this.
REMEMBERED_S = 1.0

READY = "ready"

log = structlog.get_logger(__name__)


def health_routes(database: Database, further_check: Callable[[], Awaitable[str | None]]) -> list[Route]:
    """`/health/alive` and `/health/ready`. `further_check` says what else is in the way, or None.

    The mail server is not asked: letters wait for it in the outbox.
    """
    readiness = Readiness(database, further_check)
    return [Route("/health/alive", alive), Route("/health/ready", readiness.answer)]


async def alive(_request: Request) -> JSONResponse:
    """The process answers."""
    return JSONResponse({"status": "alive"})


class Readiness:
    """Whether requests can be served: the database is reached, and its tables are those of this version."""

    def __init__(self, database: Database, further_check: Callable[[], Awaitable[str | None]]) -> None:
        self._database = database
        self._further_check = further_check
        self._asking = asyncio.Lock()
        self._status = ""
        self._known_until = 0.0

    async def answer(self, _request: Request) -> JSONResponse:
        """200 where it is ready, 503 with the reason where it is not."""
        async with self._asking:
            now = asyncio.get_running_loop().time()
            if now >= self._known_until:
                self._status = await self._find_out()
                self._known_until = now + REMEMBERED_S
        return JSONResponse({"status": self._status}, 200 if self._status == READY else 503)

    async def _find_out(self) -> str:
        try:
            if not await self._database.is_current():
                return "migrations_pending"
            return await self._further_check() or READY
        except DatabaseUnavailable:
            return "database_unavailable"
        except Exception:  # whatever it is, requests would meet it too
            log.exception("readiness_unknown")
            return "unknown"
