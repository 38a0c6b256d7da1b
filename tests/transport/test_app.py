"""The whole application: attacks H3, H5, H7, H8, H10 and G10, its health, and how it starts and stops."""

import base64
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette

import models
from app import create_app, server_options
from models.database import Database, DatabaseUnavailable
from settings import Settings, SettingsError
from tests.transport.toy import browsing, code
from transport.health import Readiness

GOOD_KEYS = "k1:" + base64.b64encode(secrets.token_bytes(32)).decode()
APP_ORIGIN = "https://app.example"


def settings(folder: Path, **changes: Any) -> Settings:  # noqa: ANN401  # any setting
    """Settings with a database of their own."""
    return Settings(database_url=f"sqlite://{folder}/app.sqlite3", **changes)


def production(folder: Path, **changes: Any) -> Settings:  # noqa: ANN401  # any setting
    """Settings of a real installation."""
    return settings(folder, mode="production", secret_keys=GOOD_KEYS, **changes)


@asynccontextmanager
async def running(app: Starlette, *, migrate: bool = False) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that has started."""
    async with app.router.lifespan_context(app):
        if migrate:
            await app.state.env.database.migrate()
        async with browsing(app) as browser:
            yield browser.http


async def ask(http: httpx.AsyncClient, query: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """Send a query."""
    return await http.post("/graphql", json={"query": query}, headers=headers)


async def test_the_application_answers_with_the_real_schema(tmp_path: Path) -> None:
    """From the settings to an answer out of the database."""
    async with running(create_app(settings(tmp_path)), migrate=True) as http:
        assert (await ask(http, "{ viewer { id } __typename }")).json() == {
            "data": {"viewer": None, "__typename": "Query"}
        }
        assert code(await ask(http, "{ featureFlags { backupCodes } }")) == "UNAUTHENTICATED"


async def test_g5_production_hides_the_schema(tmp_path: Path) -> None:
    """In the profile of production there is no introspection, no suggestion, no page and no GET."""
    async with running(create_app(production(tmp_path))) as http:
        assert code(await ask(http, "{ __schema { types { name } } }")) == "GRAPHQL_VALIDATION_FAILED"
        assert "Did you mean" not in (await ask(http, "{ viwer { id } }")).text
        for accept in ("text/html", "*/*"):
            page = await http.get("/graphql", params={"query": "{ __typename }"}, headers={"accept": accept})
            assert page.status_code == 405


async def test_f5_development_shows_the_schema(tmp_path: Path) -> None:
    """In development the schema can be asked for and the page is there."""
    async with running(create_app(settings(tmp_path))) as http:
        assert "errors" not in (await ask(http, "{ __schema { types { name } } }")).json()
        assert (await http.get("/graphql", headers={"accept": "text/html"})).status_code == 200


@pytest.mark.parametrize("path", ["/graphql", "/health/alive", "/health/ready", "/nowhere"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_g10_h8_every_answer_has_the_safe_headers(tmp_path: Path, path: str, method: str) -> None:
    """Nothing is stored, sniffed, framed or referred to, and browsers come back by TLS alone."""
    async with running(create_app(production(tmp_path))) as http:
        response = await http.request(method, path)

    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert response.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert len(response.headers["x-request-id"]) == 32


async def test_development_does_not_bind_browsers_to_tls(tmp_path: Path) -> None:
    """A developer's machine has no certificate, and browsers would remember for a year."""
    async with running(create_app(settings(tmp_path))) as http:
        assert "strict-transport-security" not in (await http.get("/health/alive")).headers


@pytest.mark.parametrize("given", [uuid4().hex, str(uuid4())], ids=["hex", "with dashes"])
async def test_a_request_id_from_a_proxy_is_kept(tmp_path: Path, given: str) -> None:
    """One id follows a request through all logs."""
    async with running(create_app(settings(tmp_path))) as http:
        assert (await http.get("/health/alive", headers={"x-request-id": given})).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["x", "a" * 33, "{12345678123456781234567812345678}", "urn:uuid:" + "a" * 32])
async def test_a_request_id_of_another_form_is_replaced(tmp_path: Path, given: str) -> None:
    """Nobody writes into our logs by it."""
    async with running(create_app(settings(tmp_path))) as http:
        assert (await http.get("/health/alive", headers={"x-request-id": given})).headers["x-request-id"] != given


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
async def test_h5_other_origins_get_no_cors_headers(tmp_path: Path, origin: str) -> None:
    """Look-alikes of an allowed origin are other origins, before the request and after."""
    async with running(create_app(production(tmp_path, allowed_origins=APP_ORIGIN))) as http:
        preflight = await http.options("/graphql", headers={"origin": origin, "access-control-request-method": "POST"})
        response = await ask(http, "{ __typename }", {"origin": origin})

    assert preflight.status_code == 400
    assert response.status_code == 403
    for answer in (preflight, response):
        assert "access-control-allow-origin" not in answer.headers


async def test_h5_an_allowed_origin_may_call_with_its_cookie(tmp_path: Path) -> None:
    """Exactly the origins on the list, each by its own name and never by `*`."""
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
        response = await ask(http, "{ __typename }", headers)

    for answer in (preflight, response):
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == APP_ORIGIN
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert "origin" in answer.headers["vary"].lower()
    assert preflight.headers["access-control-allow-methods"] == "POST"


async def test_h5_without_a_list_no_origin_is_allowed(tmp_path: Path) -> None:
    """By default there is no CORS at all, and OPTIONS is a method like any other."""
    async with running(create_app(production(tmp_path))) as http:
        response = await http.options(
            "/graphql", headers={"origin": APP_ORIGIN, "access-control-request-method": "POST"}
        )

    assert response.status_code == 405
    assert "access-control-allow-origin" not in response.headers


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
async def test_h7_a_host_of_another_name_is_refused_with_400(tmp_path: Path, host: str, status: int) -> None:
    """The API answers under its own names only; health answers probes under any."""
    app = create_app(production(tmp_path, allowed_hosts="api.example"))
    async with running(app) as http:
        assert (await ask(http, "{ __typename }", {"host": host})).status_code == status
        assert (await http.get("/health/alive", headers={"host": host})).status_code == 200


async def test_h7_nothing_redirects_to_the_host_that_was_named(tmp_path: Path) -> None:
    """There is no `Location` that a client could fill."""
    async with running(create_app(settings(tmp_path))) as http:
        response = await http.get("/graphql/", headers={"host": "evil.example"})

    assert response.status_code == 404
    assert "location" not in response.headers


async def test_readiness_follows_the_tables(tmp_path: Path) -> None:
    """Alive as soon as it runs, ready when the tables are those of this version."""
    app = create_app(settings(tmp_path))
    async with running(app) as http:
        assert (await http.get("/health/alive")).status_code == 200
        unready = await http.get("/health/ready")
        assert (unready.status_code, unready.json()) == (503, {"status": "migrations_pending"})
    async with running(create_app(settings(tmp_path)), migrate=True) as http:
        assert (await http.get("/health/ready")).json() == {"status": "ready"}


async def test_the_application_starts_without_its_database() -> None:
    """It says that it is not ready, answers what needs no database, and tells clients when to come back."""
    app = create_app(Settings(database_url="postgres://nobody:none@127.0.0.1:9/none"))
    async with running(app) as http:
        unready = await http.get("/health/ready")
        assert (unready.status_code, unready.json()) == (503, {"status": "database_unavailable"})
        assert (await ask(http, "{ __typename }")).status_code == 200
        session = f"Bearer cs_session_{'x' * 43}"
        assert code(await ask(http, "{ viewer { id } }", {"authorization": session})) == "SERVICE_UNAVAILABLE"


async def test_production_starts_without_its_database() -> None:
    """The check of the keys waits until the database is there."""
    app = create_app(
        Settings(mode="production", secret_keys=GOOD_KEYS, database_url="postgres://nobody:none@127.0.0.1:9/none")
    )
    async with running(app) as http:
        assert (await http.get("/health/alive")).status_code == 200


async def test_readiness_recovers_and_asks_the_database_once_for_many() -> None:
    """A database that comes back makes the process ready; a crowd of probes is one question."""

    class Flaky(Database):
        asked = 0
        away = True

        async def is_current(self) -> bool:
            self.asked += 1
            if self.away:
                raise DatabaseUnavailable
            return True

    async def nothing_more() -> None:
        return None

    database = Flaky("sqlite://unused.sqlite3")
    readiness = Readiness(database, nothing_more)
    request: Any = None
    assert [(await readiness.answer(request)).status_code for _ in range(5)] == [503] * 5
    assert database.asked == 1

    database.away = False
    readiness._known_until = 0.0  # a second later
    assert (await readiness.answer(request)).status_code == 200


async def test_production_does_not_start_without_a_key_that_is_in_use(tmp_path: Path) -> None:
    """Seeds sealed under a key that is not on the ring would lock their users out, so an operator hears of it first."""
    async with running(create_app(production(tmp_path)), migrate=True) as http:
        env = http._transport.app.state.env  # type: ignore[attr-defined]
        company = await models.Company.create(id=uuid4(), name="Acme", created_at=env.now())
        user = await models.User.create(
            id=uuid4(),
            company=company,
            email="a@b.example",
            email_key="a@b.example",
            name="A",
            name_key="a",
            search_key="a a@b.example",
            password_hash="-",
            created_at=env.now(),
        )
        await models.Activation.create(
            id=uuid4(),
            token_hash="0" * 64,
            user=user,
            sealed_seed=b"-",
            key_id="lost",
            created_at=env.now(),
            expires_at=env.now().replace(year=2999),
        )

    with pytest.raises(SettingsError, match=r"COUNTERSIGN_SECRET_KEYS.*lost"):
        async with running(create_app(production(tmp_path))):
            pass
    async with running(create_app(settings(tmp_path))) as http:
        assert (await http.get("/health/ready")).json() == {"status": "keys_missing"}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"secret_keys": "k1:AAAA"}, "COUNTERSIGN_SECRET_KEYS"),
        ({"database_url": "postgres://"}, "COUNTERSIGN_DATABASE_URL"),
        ({"mail_from": "a@ö..c"}, "COUNTERSIGN_MAIL_FROM"),
        ({"smtp_ca_file": __file__}, "COUNTERSIGN_SMTP_CA_FILE"),
    ],
)
def test_what_the_parts_refuse_is_blamed_on_its_setting(changes: dict[str, Any], key: str) -> None:
    """A part knows no settings; the application says which one it was."""
    with pytest.raises(SettingsError, match=key):
        create_app(Settings(**changes))


def test_h10_b12_the_server_leaves_addresses_to_us_and_speaks_no_websocket() -> None:
    """The reading of X-Forwarded-For that uvicorn does itself would believe whoever is on the same machine."""
    options = server_options(Settings())

    assert options["proxy_headers"] is False
    assert options["ws"] == "none"
    assert options["access_log"] is False
