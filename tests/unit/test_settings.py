"""Settings: valid values, invalid values, and errors without secrets."""

import base64
import hashlib
import secrets
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from examples.demo.keys import DEMO_KEYS
from security.key_ring import KeyRing
from settings import (
    PUBLIC_KEY_HASHES,
    Settings,
    SettingsError,
    key_of,
    read_settings,
    unknown_variables,
)

GOOD_KEYS = "k1:" + base64.b64encode(secrets.token_bytes(32)).decode()
SECRET = "hunter2-hunter2"


def production(**changes: Any) -> Settings:  # noqa: ANN401  # any setting
    """Return settings that are valid in production."""
    return Settings(mode="production", secret_keys=GOOD_KEYS, **changes)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Remove all settings from the environment variables."""
    for name in Settings.model_fields:
        monkeypatch.delenv(key_of(name), raising=False)
    return monkeypatch


def test_all_settings_are_optional_in_development(environment: pytest.MonkeyPatch) -> None:
    """The defaults are SQLite, the demo key and all development tools."""
    environment.setenv("COUNTERSIGN_PORT", "")
    settings = read_settings()

    assert settings.mode == "development"
    assert settings.database_url == "sqlite://var/countersign.sqlite3"
    assert settings.secret_keys is None
    assert settings.issuer == settings.product_name == "Countersign"
    assert settings.introspection
    assert settings.graphiql
    assert settings.get_queries
    assert settings.log_format == "text"


@pytest.mark.attack("G5")
def test_production_disables_development_tools_by_default() -> None:
    """Introspection, GraphiQL and GET are off in production, but a setting can turn each of them on."""
    settings = production()

    assert (settings.introspection, settings.graphiql, settings.get_queries) == (False, False, False)
    assert settings.log_format == "json"
    assert production(introspection=True).introspection


def test_lists_are_comma_separated(environment: pytest.MonkeyPatch) -> None:
    """Origins, hosts and networks are lists, and spaces around their entries are ignored."""
    environment.setenv("COUNTERSIGN_ALLOWED_ORIGINS", "https://App.example, http://localhost:5173")
    environment.setenv("COUNTERSIGN_ALLOWED_HOSTS", "api.example,*.example.com")
    environment.setenv("COUNTERSIGN_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::/32")
    settings = read_settings()

    assert settings.allowed_origins == ("https://app.example", "http://localhost:5173")
    assert settings.allowed_hosts == ("api.example", "*.example.com")
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mode", SECRET),
        ("database_url", f"mysql://root:{SECRET}@db/x"),
        ("database_pool_size", "0"),
        ("product_name", "a:b"),
        ("issuer", "  "),
        ("issuer", "a\nb"),
        ("issuer", "🔐" * 61),
        ("port", "70000"),
        ("workers", SECRET),
        ("smtp_security", "maybe"),
        ("smtp_timeout_s", "0"),
        ("smtp_ca_file", "/nowhere/ca.pem"),
        ("trusted_documents", "/nowhere/persisted-documents.json"),
        ("smtp_password", SECRET),
        ("mail_from", "a@b, c@d"),
        ("mail_from", "a@b\r\nBcc: c@d"),
        ("allowed_origins", "*"),
        ("allowed_origins", "null"),
        ("allowed_origins", "https://app.example/"),
        ("allowed_origins", "capacitor://"),
        ("allowed_origins", "file://app"),
        ("allowed_origins", "wss://app.example"),
        ("allowed_origins", "app.example"),
        ("help_url", "javascript:alert(1)"),
        ("help_url", "help.example/2fa"),
        ("help_url", "https://user@help.example/"),
        ("help_url", 'https://help.example/"onclick='),
        ("trusted_proxies", "10.0.0.1/8"),
        ("failures_per_address", "0"),
        ("address_store_url", f"memcached://:{SECRET}@cache"),
        ("introspection", SECRET),
        ("log_level", "LOUD"),
    ],
)
def test_error_contains_the_variable_but_not_the_value(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The error has one line for each invalid setting and does not contain its value."""
    environment.setenv(key_of(name), value)
    with pytest.raises(SettingsError) as raised:
        read_settings()

    assert key_of(name) in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(None, id="missing"),
        pytest.param(DEMO_KEYS, id="the demo key"),
        pytest.param(DEMO_KEYS.replace("demo", "mine"), id="the demo key with another id"),
        pytest.param(f"{GOOD_KEYS},{DEMO_KEYS}", id="the demo key after a valid key"),
        pytest.param("k1:" + base64.b64encode(bytes(32)).decode(), id="zeros"),
        pytest.param("k1:" + base64.b64encode(b"\xff" * 32).decode(), id="all equal"),
        pytest.param("k1:" + base64.b64encode(bytes(range(15)) * 2 + b"\x00\x01").decode(), id="15 distinct bytes"),
        pytest.param("k1:" + base64.b64encode(b"correct horse battery staple 012").decode(), id="text"),
        pytest.param("k1:" + base64.b64encode(secrets.token_hex(16).encode()).decode(), id="hexadecimal digits"),
        pytest.param("k1:%%%", id="not base64"),
    ],
)
def test_production_rejects_keys_that_are_not_secret(keys: str | None) -> None:
    """Public or guessable encryption keys are rejected."""
    given: dict[str, Any] = {} if keys is None else {"secret_keys": keys}
    with pytest.raises(ValidationError) as raised:
        Settings(mode="production", **given)

    assert "COUNTERSIGN_SECRET_KEYS" in str(raised.value)
    assert keys is None or keys.partition(":")[2] not in str(raised.value)


def test_production_accepts_random_keys() -> None:
    """1000 random keys are accepted."""
    for _ in range(1000):
        Settings(mode="production", secret_keys="k:" + base64.b64encode(secrets.token_bytes(32)).decode())


@pytest.mark.attack("H8")
@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"workers": 2}, "COUNTERSIGN_WORKERS"),
        ({"smtp_security": "none", "smtp_host": "mail.example"}, "COUNTERSIGN_SMTP_SECURITY"),
        ({"smtp_security": "none", "smtp_host": "10.0.0.5"}, "COUNTERSIGN_SMTP_SECURITY"),
        ({"smtp_security": "none", "smtp_host": "localhost.evil.example"}, "COUNTERSIGN_SMTP_SECURITY"),
    ],
)
def test_production_rejects_insecure_settings(changes: dict[str, Any], key: str) -> None:
    """SQLite with several processes and unencrypted SMTP over a network are rejected."""
    with pytest.raises(ValidationError, match=key):
        production(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"workers": 4, "database_url": "postgres://u:p@db/countersign"},
        {"smtp_security": "none", "smtp_host": "127.0.0.1"},
        {"smtp_security": "none", "smtp_host": "::1"},
        {"smtp_security": "none", "smtp_host": "localhost"},
    ],
)
def test_production_accepts_secure_settings(changes: dict[str, Any]) -> None:
    """PostgreSQL with several processes and an SMTP server on the same machine are accepted."""
    assert production(**changes).is_production


def test_settings_are_frozen_and_repr_contains_no_secrets() -> None:
    """Settings cannot be changed, and their text form contains no secret."""
    settings = Settings(
        database_url=f"postgres://u:{SECRET}@db/x",
        smtp_username="u",
        smtp_password=SECRET,
        secret_keys=f"k1:{SECRET}",
        address_store_url=f"redis://:{SECRET}@cache:6379/0",
    )

    assert SECRET not in repr(settings) + str(settings)
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]  # frozen
    with pytest.raises(ValidationError):
        Settings(prot=1)  # type: ignore[call-arg]


def test_unknown_variables_are_found() -> None:
    """A variable with the prefix of settings that is not a setting is returned."""
    environ = {"COUNTERSIGN_SECRETKEYS": "x", "countersign_port": "1", "COUNTERSIGN_MODE": "x", "PATH": "/"}

    assert unknown_variables(environ) == ["COUNTERSIGN_SECRETKEYS"]


def test_public_key_hashes_are_those_of_the_demo() -> None:
    """The product contains no public key, but recognises the key of the demo."""
    keys = KeyRing.parse(DEMO_KEYS).keys.values()

    assert {hashlib.sha256(key).hexdigest() for key in keys} == PUBLIC_KEY_HASHES


def test_every_setting_has_a_description() -> None:
    """It is a sentence for the table in the README."""
    undescribed = [name for name, field in Settings.model_fields.items() if not (field.description or "").endswith(".")]

    assert undescribed == []


def test_ca_file_must_exist(tmp_path: Path) -> None:
    """An existing file is accepted."""
    file = tmp_path / "ca.pem"
    file.touch()

    assert Settings(smtp_ca_file=file).smtp_ca_file == file


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"database_url": "postgres://u@db.example/n?sslmode=disable"}, "COUNTERSIGN_DATABASE_URL"),
        ({"allowed_origins": "https://app.example,http://app.example"}, "COUNTERSIGN_ALLOWED_ORIGINS"),
        ({"help_url": "http://help.example/2fa"}, "COUNTERSIGN_HELP_URL"),
    ],
)
def test_production_rejects_connections_in_clear(changes: dict[str, Any], key: str) -> None:
    """Others could read the database traffic, change a page that calls the API with the user's cookie, or the help."""
    Settings(**changes)
    with pytest.raises(ValidationError, match=key):
        production(**changes)


@pytest.mark.parametrize(
    "origin",
    [
        "capacitor://localhost",
        "tauri://localhost",
        "ionic://localhost",
        "app://-",
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        "https://localhost",
        "http://localhost",
        "http://tauri.localhost",
        "https://tauri.localhost",
    ],
)
def test_production_accepts_the_origins_of_apps(origin: str) -> None:
    """Their pages are files of the app, so nobody can change them on the way, whatever their scheme is."""
    assert production(allowed_origins=origin).allowed_origins == (origin,)


@pytest.mark.parametrize("origin", ["http://localhost:5173", "http://localhost.example", "http://127.0.0.1"])
def test_production_rejects_other_origins_in_clear(origin: str) -> None:
    """An origin with a port is that of a development server."""
    assert Settings(allowed_origins=origin).allowed_origins == (origin,)
    with pytest.raises(ValidationError, match="COUNTERSIGN_ALLOWED_ORIGINS"):
        production(allowed_origins=origin)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://App.example:443", "https://app.example"),
        ("http://app.example:80", "http://app.example"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://app.example:443", "http://app.example:443"),
        ("https://app.example:4430", "https://app.example:4430"),
        ("capacitor://localhost:80", "capacitor://localhost:80"),
    ],
)
def test_origin_is_stored_as_browsers_send_it(written: str, sent: str) -> None:
    """Browsers send lower case, and leave out the default port."""
    assert Settings(allowed_origins=written).allowed_origins == (sent,)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_production_accepts_a_database_on_this_machine_in_clear(host: str) -> None:
    """The connection does not leave the machine."""
    assert production(database_url=f"postgres://u@{host}/n?sslmode=disable").is_production
    assert production(database_url="postgres://u@/n?sslmode=disable&host=/run/postgresql").is_production


@pytest.mark.parametrize(
    "url", ["https://help.example", "https://help.example/2fa?lang=de#reset", "https://[2001:db8::1]:8443/"]
)
def test_help_page_is_an_address_on_the_web(url: str) -> None:
    """Without the setting there is none."""
    assert (production(help_url=url).help_url, production().help_url) == (url, None)
