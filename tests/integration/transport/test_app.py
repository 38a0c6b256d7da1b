"""The whole application: schema information, headers, CORS, health routes, start and shutdown."""

import asyncio
import base64
import secrets
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette
from structlog.testing import capture_logs

import models
from accounts.services import Services
from app import create_app, server_options
from models.database import Database, DatabaseUnavailable
from settings import Settings, SettingsError
from tests.integration.transport.minimal_app import api_client, error_code
from transport.health import Readiness

GOOD_KEYS = "k1:" + base64.b64encode(secrets.token_bytes(32)).decode()
APP_ORIGIN = "https://app.example"


def settings(folder: Path, **changes: Any) -> Settings:  # noqa: ANN401  # any setting
    """Return settings with a new database."""
    return Settings(database_url=f"sqlite://{folder}/app.sqlite3", **changes)


def production(folder: Path, **changes: Any) -> Settings:  # noqa: ANN401  # any setting
    """Return settings that are valid in production."""
    return settings(folder, mode="production", secret_keys=GOOD_KEYS, **changes)


@asynccontextmanager
async def running(app: Starlette, *, migrate: bool = False) -> AsyncIterator[httpx.AsyncClient]:
    """Start an application and return a client of it."""
    async with app.router.lifespan_context(app):
        if migrate:
            await app.state.services.database.migrate()
        async with api_client(app) as client:
            yield client.http


async def execute(http: httpx.AsyncClient, query: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """Send a GraphQL operation."""
    return await http.post("/graphql", json={"query": query}, headers=headers)


async def test_app_executes_queries_of_the_real_schema(tmp_path: Path) -> None:
    """The application is built from settings and reads from the database."""
    async with running(create_app(settings(tmp_path)), migrate=True) as http:
        assert (await execute(http, "{ viewer { id } __typename }")).json() == {
            "data": {"viewer": None, "__typename": "Query"}
        }
        assert error_code(await execute(http, "{ featureFlags { backupCodes } }")) == "UNAUTHENTICATED"


@pytest.mark.attack("G5")
async def test_production_hides_the_schema(tmp_path: Path) -> None:
    """In production, introspection, suggestions, the query page and GET are off."""
    async with running(create_app(production(tmp_path))) as http:
        assert error_code(await execute(http, "{ __schema { types { name } } }")) == "GRAPHQL_VALIDATION_FAILED"
        assert "Did you mean" not in (await execute(http, "{ viwer { id } }")).text
        for accept in ("text/html", "*/*"):
            page = await http.get("/graphql", params={"query": "{ __typename }"}, headers={"accept": accept})
            assert page.status_code == 405


@pytest.mark.attack("F5")
async def test_development_allows_introspection(tmp_path: Path) -> None:
    """In development, introspection and the query page are on."""
    async with running(create_app(settings(tmp_path))) as http:
        assert "errors" not in (await execute(http, "{ __schema { types { name } } }")).json()
        assert (await http.get("/graphql", headers={"accept": "text/html"})).status_code == 200


VERIFY_LOGIN = """mutation ($c: String!, $f: SecondFactorInput!) {
    verifyLogin(challengeToken: $c, secondFactor: $f) { __typename }
}"""
SECRET = "canary-482193"


@pytest.mark.parametrize(
    ("second_factor", "details"),
    [
        ({"otp": SECRET, "backupCode": SECRET}, ": it must have exactly one field"),
        ({}, ": it must have exactly one field"),
        ({"otp": None}, ": null is not allowed"),
        ({"otp": [SECRET]}, " at 'otp'"),
        ({"opt": SECRET}, ": it has an unknown field"),
        ({SECRET: SECRET}, ": it has an unknown field"),
        (SECRET, ""),
        (None, ": null is not allowed"),
    ],
)
async def test_invalid_field_of_an_input_is_named_in_development(
    tmp_path: Path, second_factor: object, details: str
) -> None:
    """In production, the message names only the variable and its type. Neither repeats what the client sent."""
    variables = {"c": "x", "f": second_factor}
    for app, expected in ((create_app(settings(tmp_path)), details), (create_app(production(tmp_path)), "")):
        async with running(app) as http:
            response = await http.post("/graphql", json={"query": VERIFY_LOGIN, "variables": variables})
        error = response.json()["errors"][0]

        assert error["message"] == f"Variable '$f' is not a valid SecondFactorInput!{expected}."
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert error["locations"] == [{"line": 1, "column": 24}]
        assert SECRET not in response.text


@pytest.mark.attack("G10", "H8")
@pytest.mark.parametrize("path", ["/graphql", "/health/alive", "/health/ready", "/nowhere"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_every_response_has_security_headers(tmp_path: Path, path: str, method: str) -> None:
    """The headers forbid caching, sniffing, framing and referrers, and require HTTPS."""
    async with running(create_app(production(tmp_path))) as http:
        response = await http.request(method, path)

    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert response.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert len(response.headers["x-request-id"]) == 32


async def test_development_sends_no_strict_transport_security(tmp_path: Path) -> None:
    """A development machine has no certificate, and browsers would require HTTPS for a year."""
    async with running(create_app(settings(tmp_path))) as http:
        assert "strict-transport-security" not in (await http.get("/health/alive")).headers


@pytest.mark.parametrize("given", [uuid4().hex, str(uuid4())], ids=["hex", "with dashes"])
async def test_well_formed_request_id_is_kept(tmp_path: Path, given: str) -> None:
    """The logs of the proxy and of the server contain the same request id."""
    async with running(create_app(settings(tmp_path))) as http:
        assert (await http.get("/health/alive", headers={"x-request-id": given})).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["x", "a" * 33, "{12345678123456781234567812345678}", "urn:uuid:" + "a" * 32])
async def test_malformed_request_id_is_replaced(tmp_path: Path, given: str) -> None:
    """A client cannot write text into the logs with a request id."""
    async with running(create_app(settings(tmp_path))) as http:
        assert (await http.get("/health/alive", headers={"x-request-id": given})).headers["x-request-id"] != given


@pytest.mark.attack("H5")
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://app.example.evil.example",
        "https://evilapp.example",
        "https://sub.app.example",
        "http://app.example",
        "https://app.example:8443",
        "null",
        "*",
    ],
)
async def test_other_origins_get_no_cors_headers(tmp_path: Path, origin: str) -> None:
    """An origin that resembles an allowed one gets no CORS headers, in the preflight and in the response."""
    async with running(create_app(production(tmp_path, allowed_origins=APP_ORIGIN))) as http:
        preflight = await http.options("/graphql", headers={"origin": origin, "access-control-request-method": "POST"})
        response = await execute(http, "{ __typename }", {"origin": origin})

    assert preflight.status_code == 400
    assert response.status_code == 403
    for each in (preflight, response):
        assert "access-control-allow-origin" not in each.headers


@pytest.mark.attack("H5")
async def test_allowed_origin_may_send_credentials(tmp_path: Path) -> None:
    """An allowed origin gets its own name in the CORS headers, not `*`."""
    headers = {"origin": APP_ORIGIN, "sec-fetch-site": "cross-site"}
    async with running(create_app(production(tmp_path, allowed_origins=APP_ORIGIN))) as http:
        preflight = await http.options(
            "/graphql",
            headers={
                **headers,
                "access-control-request-method": "POST",
                "access-control-request-headers": "content-type,authorization",
            },
        )
        response = await execute(http, "{ __typename }", headers)

    for each in (preflight, response):
        assert each.status_code == 200
        assert each.headers["access-control-allow-origin"] == APP_ORIGIN
        assert each.headers["access-control-allow-credentials"] == "true"
        assert "origin" in each.headers["vary"].lower()
    assert preflight.headers["access-control-allow-methods"] == "POST"


@pytest.mark.parametrize("origin", ["capacitor://localhost", "tauri://localhost", "http://tauri.localhost"])
async def test_app_may_call_the_api(tmp_path: Path, origin: str) -> None:
    """Its pages have a scheme of their own. Without the setting, the API rejects them, also with a bearer token."""
    headers = {"origin": origin, "authorization": "Bearer x"}
    async with running(create_app(production(tmp_path, allowed_origins=origin))) as http:
        response = await execute(http, "{ __typename }", headers)
    async with running(create_app(production(tmp_path))) as http:
        other = await execute(http, "{ __typename }", headers)

    assert (response.status_code, response.headers["access-control-allow-origin"]) == (200, origin)
    assert other.status_code == 403


@pytest.mark.parametrize(
    "header",
    [
        "traceparent", "tracestate", "baggage", "sentry-trace", "b3", "x-datadog-trace-id",
        "apollographql-client-name", "apollographql-client-version", "apollo-require-preflight",
        "graphql-client-name", "x-apollo-operation-name", "x-requested-with",
    ],
)  # fmt: skip
async def test_headers_of_tracing_and_of_clients_pass_the_preflight(tmp_path: Path, header: str) -> None:
    """The server ignores them. A rejected preflight would stop a client that sends them."""
    async with running(create_app(production(tmp_path, allowed_origins=APP_ORIGIN))) as http:
        preflight = await http.options(
            "/graphql",
            headers={
                "origin": APP_ORIGIN,
                "access-control-request-method": "POST",
                "access-control-request-headers": f"authorization,content-type,{header}",
                "access-control-request-private-network": "true",
            },
        )

    assert preflight.status_code == 200
    assert header in preflight.headers["access-control-allow-headers"].split(",")
    assert preflight.headers["access-control-allow-private-network"] == "true"


@pytest.mark.attack("H5")
async def test_cors_is_off_by_default(tmp_path: Path) -> None:
    """Without allowed origins, OPTIONS gets 405 and no CORS headers."""
    async with running(create_app(production(tmp_path))) as http:
        response = await http.options(
            "/graphql", headers={"origin": APP_ORIGIN, "access-control-request-method": "POST"}
        )

    assert response.status_code == 405
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.attack("H7")
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("api.example", 200),
        ("API.example:443", 200),
        ("evil.example", 400),
        ("api.example.evil.example", 400),
        ("", 400),
    ],
)
async def test_unknown_host_gets_400(tmp_path: Path, host: str, status: int) -> None:
    """The API accepts only its own host names. The health routes accept every host name."""
    app = create_app(production(tmp_path, allowed_hosts="api.example"))
    async with running(app) as http:
        assert (await execute(http, "{ __typename }", {"host": host})).status_code == status
        assert (await http.get("/health/alive", headers={"host": host})).status_code == 200


@pytest.mark.attack("H7")
async def test_no_redirect_contains_the_host_header(tmp_path: Path) -> None:
    """A trailing slash gets 404 without a `Location` header."""
    async with running(create_app(settings(tmp_path))) as http:
        response = await http.get("/graphql/", headers={"host": "evil.example"})

    assert response.status_code == 404
    assert "location" not in response.headers


async def test_readiness_depends_on_migrations(tmp_path: Path) -> None:
    """The process is alive before the migrations and ready after them."""
    app = create_app(settings(tmp_path))
    async with running(app) as http:
        assert (await http.get("/health/alive")).status_code == 200
        unready = await http.get("/health/ready")
        assert (unready.status_code, unready.json()) == (503, {"status": "migrations_pending"})
    async with running(create_app(settings(tmp_path)), migrate=True) as http:
        assert (await http.get("/health/ready")).json() == {"status": "ready"}


async def test_app_starts_without_database() -> None:
    """Readiness returns 503, queries without database work, and other queries return SERVICE_UNAVAILABLE."""
    app = create_app(Settings(database_url="postgres://nobody:none@127.0.0.1:9/none"))
    async with running(app) as http:
        unready = await http.get("/health/ready")
        assert (unready.status_code, unready.json()) == (503, {"status": "database_unavailable"})
        assert (await execute(http, "{ __typename }")).status_code == 200
        session = f"Bearer cs_session_{'x' * 43}"
        assert error_code(await execute(http, "{ viewer { id } }", {"authorization": session})) == "SERVICE_UNAVAILABLE"


async def test_production_starts_without_database() -> None:
    """If the database is unavailable, the server starts without the check of the encryption keys."""
    app = create_app(
        Settings(mode="production", secret_keys=GOOD_KEYS, database_url="postgres://nobody:none@127.0.0.1:9/none")
    )
    async with running(app) as http:
        assert (await http.get("/health/alive")).status_code == 200


async def test_readiness_is_cached_and_recovers() -> None:
    """Many probes cause one database query. After the database recovers, the server is ready."""

    class Flaky(Database):
        checks = 0
        is_unavailable = True

        async def is_current(self) -> bool:
            self.checks += 1
            if self.is_unavailable:
                raise DatabaseUnavailable
            return True

        async def is_writable(self) -> bool:
            return True

    async def no_further_check() -> None:
        return None

    database = Flaky("sqlite://unused.sqlite3")
    readiness = Readiness(database, no_further_check)
    request: Any = None
    assert [(await readiness.respond(request)).status_code for _ in range(5)] == [503] * 5
    assert database.checks == 1

    database.is_unavailable = False
    readiness._valid_until = 0.0  # as if a second had passed
    assert (await readiness.respond(request)).status_code == 200


async def _add_activation(services: Services, key_id: str) -> None:
    name = f"u{key_id}"
    company = await models.Company.create(id=uuid4(), name="Acme", created_at=services.now())
    user = await models.User.create(
        id=uuid4(),
        company=company,
        email=f"{name}@b.example",
        email_key=f"{name}@b.example",
        name=name,
        name_key=name,
        search_key=name,
        password_hash="-",
        created_at=services.now(),
    )
    await models.Activation.create(
        factor="OTP",
        id=uuid4(),
        token_hash=uuid4().hex,
        user=user,
        encrypted_secret=b"-",
        key_id=key_id,
        created_at=services.now(),
        expires_at=services.now().replace(year=2999),
    )


@pytest.mark.attack("K5")
async def test_production_does_not_start_without_a_key_in_use(tmp_path: Path) -> None:
    """No user with 2FA could log in with an OTP, so the start fails, and readiness is 503."""
    async with running(create_app(production(tmp_path)), migrate=True) as http:
        await _add_activation(http._transport.app.state.services, "lost")  # type: ignore[attr-defined]

    with pytest.raises(SettingsError, match="COUNTERSIGN_SECRET_KEYS"):
        async with running(create_app(production(tmp_path))):
            pass
    async with running(create_app(settings(tmp_path))) as http:
        assert (await http.get("/health/ready")).json() == {"status": "keys_missing"}


@pytest.mark.attack("K5")
async def test_key_that_is_missing_beside_others_affects_no_other_user(tmp_path: Path) -> None:
    """The server starts and is ready, and the log names the missing key. Only users of that key are affected."""
    async with running(create_app(production(tmp_path)), migrate=True) as http:
        for key_id in ("lost", GOOD_KEYS.partition(":")[0]):
            await _add_activation(http._transport.app.state.services, key_id)  # type: ignore[attr-defined]

    with capture_logs() as logs:
        async with running(create_app(production(tmp_path))) as http:
            assert (await http.get("/health/ready")).json() == {"status": "ready"}
    assert {"event": "encryption_keys_missing", "key_ids": ["lost"], "log_level": "warning"} in logs


@pytest.mark.attack("K10")
async def test_readiness_does_not_wait_for_a_locked_database(tmp_path: Path) -> None:
    """Another process holds the file when the server starts. Each probe gets 503 in time, and 200 afterwards."""
    app = create_app(settings(tmp_path))
    with sqlite3.connect(tmp_path / "app.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        async with running(app) as http, asyncio.timeout(60):
            for _ in range(2):
                response = await http.get("/health/ready")
                assert (response.status_code, response.json()) == (503, {"status": "database_unavailable"})
            other.execute("ROLLBACK")
            while (await http.get("/health/ready")).json() != {"status": "migrations_pending"}:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@pytest.mark.attack("K10")
async def test_readiness_recovers_after_a_path_that_is_a_directory(tmp_path: Path) -> None:
    """The first failed connection does not block later ones."""
    (tmp_path / "app.sqlite3").mkdir()
    async with running(create_app(settings(tmp_path))) as http, asyncio.timeout(60):
        assert (await http.get("/health/ready")).json() == {"status": "database_unavailable"}
        (tmp_path / "app.sqlite3").rmdir()
        while (await http.get("/health/ready")).json() != {"status": "migrations_pending"}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"secret_keys": "k1:AAAA"}, "COUNTERSIGN_SECRET_KEYS"),
        ({"database_url": "postgres://"}, "COUNTERSIGN_DATABASE_URL"),
        ({"mail_from": "a@ö..c"}, "COUNTERSIGN_MAIL_FROM"),
        ({"mail_from": "a@example..com"}, "COUNTERSIGN_MAIL_FROM"),
        ({"mail_from": "a@💩.example"}, "COUNTERSIGN_MAIL_FROM"),
        ({"mail_from": "a\u200b@acme.example"}, "COUNTERSIGN_MAIL_FROM"),
        ({"smtp_ca_file": __file__}, "COUNTERSIGN_SMTP_CA_FILE"),
        ({"trusted_documents": __file__}, "COUNTERSIGN_TRUSTED_DOCUMENTS"),
    ],
)
def test_invalid_value_is_reported_with_its_setting(changes: dict[str, Any], key: str) -> None:
    """If a component rejects a value, the error contains the name of the setting."""
    with pytest.raises(SettingsError, match=key):
        create_app(Settings(**changes))


@pytest.mark.attack("B12", "H10")
def test_uvicorn_ignores_proxy_headers_and_websockets() -> None:
    """Uvicorn would accept X-Forwarded-For from every client on the same machine."""
    options = server_options(Settings())

    assert options["proxy_headers"] is False
    assert options["ws"] == "none"
    assert options["access_log"] is False
