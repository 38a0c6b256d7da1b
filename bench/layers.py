"""`python -m bench.layers`: where the CPU time of a second step and of a look at one's own 2FA goes, layer by layer.

Each layer is called within this process as the layer above it would call it, and the one below is subtracted. What the
server itself takes, for the socket and for HTTP, is in none of them: `make bench` has the whole.
"""

import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import uvloop
from asyncpg import Connection
from graphql import OperationType
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from app import create_app
from bench import people
from bench.measures import VERIFY, VIEWER
from bench.people import KEYS, Person
from bench.stage import POSTGRES_OPTIONS, Stage
from resolvers.context import Context
from schema.root import create_schema
from settings import Settings
from tests.support.postgres import postgres_server
from transport.bodies import Parameters
from transport.cookies import SessionCookie
from transport.logs import configure_logging
from transport.operations import Operations
from twofactor import login, sessions
from twofactor.environment import Client, Environment

PEOPLE = 200
ROUNDS = 21
CLIENT = Client("127.0.0.1", "bench", "en")

# What a layer is asked: a token and, for a second step, an OTP.
Call = Callable[[str, str], Awaitable[object]]


def main() -> None:
    """Measure, and tell."""
    # The log is written as in production, to where nobody reads it.
    told_to = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    configure_logging("INFO", "json")
    with (
        tempfile.TemporaryDirectory(prefix="countersign-layers-") as folder,
        postgres_server(POSTGRES_OPTIONS) as postgres,
        ProcessPoolExecutor(1) as unused,
    ):
        told = uvloop.run(_measure(Stage(postgres, Path(folder), unused)))
    os.write(told_to, told.encode())


async def _measure(stage: Stage) -> str:
    url = await stage.make_database("layers")
    async with stage.connected("/layers") as connection:
        company = await people.make_company(connection, "acme", 5 * PEOPLE, PEOPLE)
        settings = Settings(mode="production", database_url=url, secret_keys=KEYS)
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            env: Environment = app.state.env
            operations = Operations(create_schema(), introspection=False)

            async def of_use_case(token: str, otp: str) -> object:
                if otp:
                    return await login.verify_login(env, CLIENT, token, otp=otp, backup_code=None)
                return await sessions.authenticate(env, token)

            async def of_graphql(token: str, otp: str) -> object:
                request = Request({"type": "http", "headers": []})
                context = Context(env, CLIENT, SessionCookie(request, Response()), None if otp else token)
                variables = {"token": token, "factor": {"otp": otp}} if otp else {}
                parameters = Parameters(VERIFY if otp else VIEWER, variables, None)
                result = await operations.run(parameters, context, set(OperationType))
                assert not result.errors  # noqa: S101  # a benchmark of errors would be none
                return result

            async def of_application(token: str, otp: str) -> None:
                await _post(app, token, otp)

            layers: dict[str, Call] = {
                "use case, with its statements": of_use_case,
                "GraphQL": of_graphql,
                "HTTP: middleware, log, JSON": of_application,
            }
            told = []
            for what, prepare in (("verifyLogin with an OTP", _challenged), ("viewer", _signed_in)):
                took: dict[str, list[float]] = {name: [] for name in layers}
                for _ in range(ROUNDS):
                    for name, call in layers.items():
                        tokens = await prepare(connection, company.people)
                        began = time.process_time()
                        for token, otp in tokens:
                            await call(token, otp)
                        took[name].append((time.process_time() - began) * 1000 / len(tokens))
                told.append(_told(what, {name: min(found) for name, found in took.items()}))
    return "\n".join(told)


def _told(what: str, took: dict[str, float]) -> str:
    whole = max(took.values())
    lines, below = [f"{what}: {whole:.3f} ms CPU in this process"], 0.0
    for name, found in took.items():
        lines.append(f"  {name:32} {found - below:.3f} ms  {(found - below) / whole:4.0%}")
        below = found
    return "\n".join([*lines, ""])


async def _challenged(connection: Connection, of: Sequence[Person]) -> list[tuple[str, str]]:
    return await people.challenge(connection, of)


async def _signed_in(connection: Connection, of: Sequence[Person]) -> list[tuple[str, str]]:
    return [(token, "") for token in await people.sign_in(connection, [person.id for person in of])]


async def _post(app: Any, token: str, otp: str) -> None:  # noqa: ANN401  # any ASGI application
    variables = {"token": token, "factor": {"otp": otp}} if otp else {}
    body = json.dumps({"query": VERIFY if otp else VIEWER, "variables": variables}).encode()
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"accept", b"application/json")]
    headers.append((b"content-length", str(len(body)).encode()))
    if not otp:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/graphql", "raw_path": b"/graphql", "query_string": b"", "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 40_000), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    answer: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        answer.append(message)

    await app(scope, receive, send)
    assert b"errors" not in answer[-1]["body"]  # noqa: S101  # a benchmark of errors would be none


if __name__ == "__main__":
    main()
