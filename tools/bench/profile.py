"""Measure the CPU time of each layer of `verifyLogin` and `viewer`: `python -m tools.bench.profile`.

The module calls each layer within this process, as the layer above calls it, and subtracts the time of the layer below.
The server's socket and HTTP parser are not included; `make bench` measures the whole request.
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
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from accounts import sessions
from accounts.services import Client, Services
from accounts.session_tokens import SessionToken
from app import create_app
from models import SessionTransport
from resolvers.context import Context
from resolvers.qr_rendering import QrRenderer
from schema.root import create_schema
from settings import Settings
from tests.support.operations import VERIFY_LOGIN
from tests.support.postgres import postgres_server
from tools.bench import seed_data
from tools.bench.environment import POSTGRES_OPTIONS, BenchEnvironment
from tools.bench.measures import VIEWER
from tools.bench.seed_data import KEYS, BenchUser
from transport.cookies import Cookies
from transport.logs import configure_logging
from transport.operations import LimitedSchema
from twofactor import second_factor

USERS = 200
ROUNDS = 21
CLIENT = Client("127.0.0.1", "bench", "en")

# Calls one layer with a token and an OTP. For `viewer`, the token is a session token and the OTP is empty.
Call = Callable[[str, str], Awaitable[object]]


def main() -> None:
    """Measure the layers and print the result."""
    # The product writes its log to standard output, as in production. Send it to /dev/null; print the result elsewhere.
    output = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    configure_logging("INFO", "json")
    with (
        tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder,
        postgres_server(POSTGRES_OPTIONS) as postgres,
        ProcessPoolExecutor(1) as unused,
    ):
        result = uvloop.run(_measure(BenchEnvironment(postgres, Path(folder), unused)))
    os.write(output, result.encode())


async def _measure(environment: BenchEnvironment) -> str:
    url = await environment.create_database("profile")
    async with environment.connect("/profile") as connection:
        company = await seed_data.create_company(connection, "acme", 5 * USERS, USERS)
        settings = Settings(mode="production", database_url=url, secret_keys=KEYS)
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            services: Services = app.state.services
            schema = create_schema(LimitedSchema, introspection=False)
            renderer = QrRenderer()

            async def call_use_case(token: str, otp: str) -> object:
                if otp:
                    return await second_factor.verify_login(services, CLIENT, token, kind="OTP", text=otp)
                return await sessions.authenticate(services, token)

            async def call_graphql(token: str, otp: str) -> object:
                request = Request({"type": "http", "headers": []})
                cookie = Cookies(request, Response())
                session_token = None if otp else SessionToken(token, SessionTransport.TOKEN)
                context = Context(services, CLIENT, cookie, session_token, renderer)
                variables = {"challengeToken": token, "secondFactor": {"otp": otp}} if otp else {}
                result = await schema.execute(VERIFY_LOGIN if otp else VIEWER, variables, context)
                assert not result.errors  # an error would make the measurement worthless
                return result

            async def call_application(token: str, otp: str) -> None:
                await _post(app, token, otp)

            layers: dict[str, Call] = {
                "use case and SQL statements": call_use_case,
                "GraphQL": call_graphql,
                "HTTP: middleware, log, JSON": call_application,
            }
            profiles = []
            for label, prepare in (("verifyLogin with an OTP", _create_challenges), ("viewer", _create_sessions)):
                cpu_ms: dict[str, list[float]] = {name: [] for name in layers}
                for _ in range(ROUNDS):
                    for name, call in layers.items():
                        tokens = await prepare(connection, company.enrolled)
                        started = time.process_time()
                        for token, otp in tokens:
                            await call(token, otp)
                        cpu_ms[name].append((time.process_time() - started) * 1000 / len(tokens))
                profiles.append(_format(label, {name: min(times) for name, times in cpu_ms.items()}))
    return "\n".join(profiles)


def _format(label: str, cpu_ms: dict[str, float]) -> str:
    total = max(cpu_ms.values())
    lines, lower_ms = [f"{label}: {total:.3f} ms CPU in this process"], 0.0
    for name, ms in cpu_ms.items():
        lines.append(f"  {name:32} {ms - lower_ms:.3f} ms  {(ms - lower_ms) / total:4.0%}")
        lower_ms = ms
    return "\n".join([*lines, ""])


async def _create_challenges(connection: Connection, users: Sequence[BenchUser]) -> list[tuple[str, str]]:
    return await seed_data.create_challenges(connection, users)


async def _create_sessions(connection: Connection, users: Sequence[BenchUser]) -> list[tuple[str, str]]:
    return [(token, "") for token in await seed_data.create_sessions(connection, [user.id for user in users])]


async def _post(app: Any, token: str, otp: str) -> None:  # noqa: ANN401  # any ASGI application
    variables = {"challengeToken": token, "secondFactor": {"otp": otp}} if otp else {}
    body = json.dumps({"query": VERIFY_LOGIN if otp else VIEWER, "variables": variables}).encode()
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"accept", b"application/json")]
    headers.append((b"content-length", str(len(body)).encode()))
    if not otp:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/graphql", "raw_path": b"/graphql", "query_string": b"", "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 40_000), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, send)
    assert b"errors" not in messages[-1]["body"]  # an error would make the measurement worthless


if __name__ == "__main__":
    main()
