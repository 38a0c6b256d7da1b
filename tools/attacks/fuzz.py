"""Fuzz the application: no response is a 5xx, none takes too long, and none contains a secret.

`python -m tools.attacks.fuzz` sends 100,000 requests in total: bytes and JSON from Hypothesis, valid operations with
hostile values, and documents that schemathesis derives from the schema. atheris fuzzes the parsers.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeAlias

import schemathesis
from graphql import OperationDefinitionNode, get_introspection_query, parse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.graphql import nodes
from starlette.types import Message

from accounts.pagination import encode_cursor
from security.tokens import TokenKind
from settings import Settings
from tests.support.app_harness import AppHarness, app_harness
from tests.support.clock import Clock
from tests.support.databases import database_of
from tests.support.operations import (
    ACKNOWLEDGE_BACKUP_CODES,
    ADMIN_RESET_TWO_FACTOR,
    CHANGE_PASSWORD,
    CONFIRM_OTP,
    DEACTIVATE_TWO_FACTOR,
    LOGIN,
    NODE,
    REGENERATE_BACKUP_CODES,
    REVOKE_SESSION,
    SECURITY_EVENTS,
    START_TWO_FACTOR_ACTIVATION,
    USER,
    USERS,
    VERIFY_LOGIN,
)
from tests.support.scenarios import global_user_id
from tests.support.users import PASSWORD, password_hash
from transport.logs import configure_logging

# Much longer than any response takes, even on a busy machine.
RESPONSE_TIMEOUT_S = 20
# The percentage of requests of each kind.
PERCENTAGES = {"bytes": 35, "json": 30, "values": 20, "documents": 15}
PARSER_RUNS = 200_000

Headers: TypeAlias = list[tuple[bytes, bytes]]


@dataclass
class FuzzResults:
    """The results of all requests."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    # Each with the request body.
    failures: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


class FuzzTarget:
    """The application with users in its database. The fuzzer has some of their tokens, but none of their secrets."""

    def __init__(self, database_url: str) -> None:
        self.results = FuzzResults()
        self._url = database_url
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._clock = Clock()
        self._secrets: list[str] = []
        self.values: list[str] = []
        self.tokens: list[str] = []
        self._app: Any = None

    def __enter__(self) -> Self:
        """Start the application."""
        self._runner.run(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the application."""
        self._runner.run(self._stack.aclose())
        self._runner.close()

    async def _open(self) -> None:
        options = Settings(database_url=self._url, failures_per_address=1_000_000, strangers_per_address=1_000_000)
        harness: AppHarness = await self._stack.enter_async_context(app_harness(options, self._clock))
        company = await harness.factory.company()
        admin, member = await harness.factory.logged_in_admin(company), await harness.factory.logged_in_member(company)
        enrolled, _ = await harness.factory.member_with_2fa(company)
        activating = await harness.factory.member_activating_2fa(company, confirmed=False)
        self.tokens = ["", "", admin.session_token, member.session_token, enrolled.session_token]
        self.values = [
            *(each.email for each in (admin, member, enrolled)), enrolled.challenge_token, activating.activation_token,
            global_user_id(member), global_user_id(enrolled), enrolled.authenticator.otp(self._clock()), PASSWORD,
        ]  # fmt: skip
        self._secrets = [
            password_hash(),
            enrolled.authenticator.key,
            "argon2",
            "Traceback",
            "asyncpg",
            "sqlite3",
            "site-packages",
        ]
        transport: Any = harness.http._transport  # noqa: SLF001  # the client rejects malformed requests
        self._app = transport.app

    def introspect(self) -> dict[str, Any]:
        """Return the introspection result of the schema."""
        body = json.dumps({"query": get_introspection_query()}).encode()
        status, content = self._runner.run(self._send("POST", [(b"content-type", b"application/json")], body))
        assert status == 200
        data: dict[str, Any] = json.loads(content)["data"]
        return data

    def post(self, body: bytes, *, token: str = "", headers: Headers | None = None, method: str = "POST") -> None:
        """Send a request and check the response."""
        sent = headers if headers is not None else [(b"content-type", b"application/json")]
        if token:
            sent = [*sent, (b"authorization", f"Bearer {token}".encode())]
        # Advance the clock, so that waits and lifetimes end now and then.
        self._clock.advance(timedelta(seconds=1))
        began = time.monotonic()
        try:
            status, content = self._runner.run(asyncio.wait_for(self._send(method, sent, body), RESPONSE_TIMEOUT_S))
        except TimeoutError:
            self._record_failure("timeout", body)
            return
        results = self.results
        results.requests += 1
        results.statuses[status] += 1
        results.slowest_s = max(results.slowest_s, time.monotonic() - began)
        if status >= 500 or b"INTERNAL_SERVER_ERROR" in content or b"SERVICE_UNAVAILABLE" in content:
            self._record_failure(f"{status} {content[:200]!r}", body)
        for secret in self._secrets:
            if secret.encode() in content and secret.encode() not in body:
                self._record_failure(f"leak of {secret}", body)
        results.outcomes[_outcome_of(content)] += 1

    def _record_failure(self, what: str, body: bytes) -> None:
        self.results.failures.append(f"{what}: {body[:2000]!r}")

    async def _send(self, method: str, headers: Headers, body: bytes) -> tuple[int, bytes]:
        status, parts = 0, list[bytes]()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            parts.append(message.get("body", b""))

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": "/graphql", "raw_path": b"/graphql", "query_string": b"", "root_path": "", "state": {},
            "headers": [(b"host", b"countersign.test"), *headers], "client": ("192.0.2.1", 1), "server": ("x", 80),
        }  # fmt: skip
        await self._app(scope, receive, send)
        return status, b"".join(parts)


def _outcome_of(content: bytes) -> str:
    try:
        result = json.loads(content)
    except ValueError:
        return "not JSON"
    if errors := result.get("errors"):
        return str(errors[0]["extensions"]["code"])
    return "data"


# Texts that often cause errors.
HOSTILE = st.one_of(
    st.text(),
    st.text(alphabet=st.characters(categories=["Cs", "Cc", "Cf", "Zl", "Zp", "Nd", "Co"])),
    st.sampled_from(["", "\0", "0" * 6, "-1", "null", "' OR 1=1 --", "\ud800", "\u202e", "%00", "a" * 20_000]),
    # Six full-width digits and six Arabic digits.
    st.sampled_from(["\uff19" * 6, "\u0661\u0662\u0663\u0664\u0665\u0666"]),
    st.from_regex(r"[0-9]{6}", fullmatch=True),
    st.from_regex(r"[0-9A-HJKMNP-TV-Z -]{10,14}", fullmatch=True),
    st.sampled_from(list(TokenKind)).flatmap(lambda kind: st.text("Aa0_-", min_size=43, max_size=43).map(kind.__add__)),
    st.builds(
        encode_cursor, st.sampled_from(["NEWEST_FIRST", "NAME", "LAST_LOGIN", "events", ""]), st.text(), st.uuids()
    ),
)
ANY_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), HOSTILE),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=8,
)
# Operations that leave the sessions and the security policy as they are, so that later requests reach all use cases.
OPERATIONS = (
    LOGIN,
    VERIFY_LOGIN,
    START_TWO_FACTOR_ACTIVATION,
    CONFIRM_OTP,
    ACKNOWLEDGE_BACKUP_CODES,
    REGENERATE_BACKUP_CODES,
    DEACTIVATE_TWO_FACTOR,
    ADMIN_RESET_TWO_FACTOR,
    CHANGE_PASSWORD,
    REVOKE_SESSION,
    NODE,
    USER,
    USERS,
    SECURITY_EVENTS,
)
# The variables of each operation that have no default value.
VARIABLES = {
    operation: [
        variable.variable.name.value
        for definition in parse(operation).definitions
        if isinstance(definition, OperationDefinitionNode)
        for variable in definition.variable_definitions or ()
        if variable.default_value is None
    ]
    for operation in OPERATIONS
}
ORDERS = st.sampled_from(["NEWEST_FIRST", "NAME", "LAST_LOGIN"])


def send_bytes(target: FuzzTarget, data: st.DataObject) -> None:
    """Send arbitrary bytes with arbitrary headers."""
    header = st.binary(max_size=40)
    kinds = st.sampled_from([b"application/json", b"application/json; charset=utf-16", b"text/plain", b"", b"\xff"])
    headers: Headers = [(b"content-type", data.draw(kinds))]
    names = st.sampled_from([b"accept", b"accept-language", b"origin", b"cookie", b"authorization", b"content-length",
                             b"x-forwarded-for", b"user-agent", b"x-request-id", b"content-encoding"])  # fmt: skip
    headers += data.draw(st.lists(st.tuples(names, header), max_size=4))
    method = data.draw(st.sampled_from(["POST", "POST", "POST", "GET", "PUT", "OPTIONS", "HEAD", "X"]))
    target.post(data.draw(st.binary(max_size=600)), headers=headers, method=method)


def send_json(target: FuzzTarget, data: st.DataObject) -> None:
    """Send JSON in the form of a request with arbitrary content."""
    query = st.one_of(
        HOSTILE, st.sampled_from([*OPERATIONS, *(f"{{ {name} }}" for name in ("viewer", "x", "__schema"))])
    )
    body = data.draw(
        st.one_of(
            ANY_JSON,
            st.fixed_dictionaries(
                {"query": query}, optional={"variables": ANY_JSON, "operationName": ANY_JSON, "extensions": ANY_JSON}
            ),
        )
    )
    target.post(json.dumps(body).encode(), token=data.draw(st.sampled_from(target.tokens)))


def send_operation(target: FuzzTarget, data: st.DataObject) -> None:
    """Send a valid operation with values that are almost right, hostile or of another type."""
    query = data.draw(st.sampled_from(OPERATIONS))
    text = st.one_of(HOSTILE, st.sampled_from(target.values))
    variables: dict[str, object] = {name: data.draw(text) for name in VARIABLES[query]}
    if "secondFactor" in variables:
        variables["secondFactor"] = data.draw(
            st.fixed_dictionaries({}, optional={"otp": st.one_of(text, st.none()), "backupCode": text})
        )
    if query == USERS:
        variables["filter"] = data.draw(st.one_of(ANY_JSON, st.fixed_dictionaries({"search": text})))
        variables["orderBy"] = data.draw(ORDERS)
    if query == SECURITY_EVENTS:
        instants = st.one_of(text, st.datetimes().map(lambda instant: f"{instant.isoformat()}Z"))
        variables["filter"] = data.draw(
            st.fixed_dictionaries({}, optional={"userId": text, "since": instants, "until": instants})
        )
    if data.draw(st.integers(0, 9)) == 0:
        variables[data.draw(st.sampled_from(sorted(variables)))] = data.draw(ANY_JSON)
    body = {"query": query, "variables": variables}
    target.post(json.dumps(body).encode(), token=data.draw(st.sampled_from(target.tokens)))


def document_sender(target: FuzzTarget) -> Callable[[FuzzTarget, st.DataObject], None]:
    """Return a function that sends documents that schemathesis derives from the schema."""
    schemathesis.graphql.scalar(
        "DateTime",
        st.datetimes().map(lambda instant: nodes.String(f"{instant.isoformat()}Z")) | st.text().map(nodes.String),
    )
    schema = schemathesis.graphql.from_dict(target.introspect())
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) >= len(OPERATIONS)
    documents = st.one_of([operation.as_strategy() for operation in operations])

    def send(target: FuzzTarget, data: st.DataObject) -> None:
        case = data.draw(documents)
        target.post(json.dumps({"query": case.body}).encode(), token=data.draw(st.sampled_from(target.tokens)))

    return send


def senders(target: FuzzTarget) -> Mapping[str, Callable[[FuzzTarget, st.DataObject], None]]:
    """Return each kind of request with the function that sends it."""
    return {"bytes": send_bytes, "json": send_json, "values": send_operation, "documents": document_sender(target)}


def fuzz(target: FuzzTarget, send: Callable[[FuzzTarget, st.DataObject], None], requests: int) -> None:
    """Send the given number of requests."""

    @settings(
        max_examples=requests, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.data())
    def examples(data: st.DataObject) -> None:
        send(target, data)

    # Hypothesis stops early if it has tried all examples, so repeat the search.
    target_count = target.results.requests + requests
    while target.results.requests < target_count:
        examples()


def main() -> None:
    """Run the fuzzer and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=100_000, help="total number of requests (100,000)")
    parser.add_argument(
        "--parser-runs", type=int, default=PARSER_RUNS, help=f"runs of the parser fuzzer ({PARSER_RUNS:,})"
    )
    given_ = parser.parse_args()
    configure_logging("ERROR", "text", stream=sys.stderr)
    warnings.simplefilter("ignore")
    with database_of("sqlite") as url, FuzzTarget(url) as target:
        for name, send in senders(target).items():
            before, began = target.results.requests, time.monotonic()
            fuzz(target, send, given_.requests * PERCENTAGES[name] // 100)
            print(
                f"{name:<10} {target.results.requests - before:>7} requests in {time.monotonic() - began:.0f} s",
                flush=True,
            )
    results = target.results
    print(f"total      {results.requests:>7} requests, the slowest {results.slowest_s:.2f} s")
    print(f"statuses   {dict(sorted(results.statuses.items()))}")
    print(f"outcomes   {dict(results.outcomes.most_common())}")
    print(f"5xx responses, timeouts and leaks: {len(results.failures)}")
    for failure in results.failures[:20]:
        print(f"  {failure}")
    ended = subprocess.run(
        [sys.executable, "-m", "tools.attacks.fuzz_parsers", f"-runs={given_.parser_runs}", "-max_len=2048"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    print(f"parsers    {given_.parser_runs} runs, {'no failures' if ended.returncode == 0 else ended.stderr[-4000:]}")
    sys.exit(1 if results.failures or ended.returncode else 0)


if __name__ == "__main__":
    main()
