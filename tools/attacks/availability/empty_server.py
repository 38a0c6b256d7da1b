"""A server that answers every request with 200, with the HTTP protocol and the limits of the product.

An attack on it shows how much the attacker delays others only because it uses the CPU of the same machine. It runs at
the lowest priority, since its own work is not what this shows.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app import server_options
from settings import read_settings
from transport.connection_limits import ConnectionLimits
from transport.http_protocol import STATE_KEY


async def answer(request: Request) -> Response:
    """Read the body, and return 200."""
    await request.body()
    return PlainTextResponse("ok")


def main() -> None:
    """Serve until SIGTERM."""
    os.nice(19)
    settings = read_settings()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, object]]:
        yield {STATE_KEY: ConnectionLimits(settings.trusted_proxies)}

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])], lifespan=lifespan)
    uvicorn.run(app, **(server_options(settings) | {"factory": False}))


if __name__ == "__main__":
    main()
