"""Settings: what is taken, what is refused, and that no error repeats a secret."""

import base64
import secrets
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from settings import DEMO_KEYS, Settings, SettingsError, key_of, read_settings, settings_table, unknown_keys
from twofactor.rules.sealing import KeyRing

GOOD_KEYS = "k1:" + base64.b64encode(secrets.token_bytes(32)).decode()
SECRET = "hunter2-hunter2"


def production(**changes: Any) -> Settings:  # noqa: ANN401  # any setting
    """Settings of a real installation."""
    return Settings(mode="production", secret_keys=GOOD_KEYS, **changes)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without settings, to put some into."""
    for name in Settings.model_fields:
        monkeypatch.delenv(key_of(name), raising=False)
    return monkeypatch


def test_an_empty_environment_is_enough_to_begin(environment: pytest.MonkeyPatch) -> None:
    """Nothing has to be set for development: a file, the demo's keys, everything to look around with."""
    environment.setenv("COUNTERSIGN_PORT", "")
    settings = read_settings()

    assert settings.mode == "development"
    assert settings.database_url == "sqlite://var/countersign.sqlite3"
    assert settings.secret_keys.get_secret_value() == DEMO_KEYS
    assert settings.issuer == settings.product_name == "Countersign"
    assert settings.introspection
    assert settings.graphiql
    assert settings.get_queries
    assert settings.log_format == "text"


def test_g5_production_shows_nothing_unless_told_to() -> None:
    """Introspection, GraphiQL and GET are off in production, and can be switched on one by one."""
    settings = production()

    assert (settings.introspection, settings.graphiql, settings.get_queries) == (False, False, False)
    assert settings.log_format == "json"
    assert production(introspection=True).introspection


def test_lists_are_separated_by_commas(environment: pytest.MonkeyPatch) -> None:
    """Origins, hosts and networks are written as people write them."""
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
        ("issuer", "a\nb"),
        ("port", "70000"),
        ("workers", SECRET),
        ("smtp_security", "maybe"),
        ("smtp_timeout_s", "0"),
        ("smtp_ca_file", "/nowhere/ca.pem"),
        ("smtp_password", SECRET),
        ("mail_from", "a@b, c@d"),
        ("mail_from", "a@b\r\nBcc: c@d"),
        ("allowed_origins", "*"),
        ("allowed_origins", "null"),
        ("allowed_origins", "https://app.example/"),
        ("trusted_proxies", "10.0.0.1/8"),
        ("failures_per_address", "0"),
        ("address_store_url", f"memcached://:{SECRET}@cache"),
        ("introspection", SECRET),
        ("log_level", "LOUD"),
    ],
)
def test_an_error_names_the_key_and_never_the_value(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    """One line for each setting that cannot be used; whatever was written there is not repeated."""
    environment.setenv(key_of(name), value)
    with pytest.raises(SettingsError) as refusal:
        read_settings()

    assert key_of(name) in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1
    assert SECRET not in str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(None, id="missing"),
        pytest.param(DEMO_KEYS, id="the demo's"),
        pytest.param(DEMO_KEYS.replace("demo", "mine"), id="the demo's under another name"),
        pytest.param(f"{GOOD_KEYS},{DEMO_KEYS}", id="the demo's beside a good one"),
        pytest.param("k1:" + base64.b64encode(bytes(32)).decode(), id="zeros"),
        pytest.param("k1:" + base64.b64encode(b"\xff" * 32).decode(), id="all equal"),
        pytest.param("k1:" + base64.b64encode(bytes(range(15)) * 2 + b"\x00\x01").decode(), id="too few different"),
        pytest.param("k1:" + base64.b64encode(b"correct horse battery staple 012").decode(), id="a text"),
        pytest.param("k1:" + base64.b64encode(secrets.token_hex(16).encode()).decode(), id="hexadecimal digits"),
        pytest.param("k1:%%%", id="no base64"),
    ],
)
def test_production_refuses_keys_that_are_no_secret(keys: str | None) -> None:
    """What is published, or can be guessed, seals nothing."""
    given: dict[str, Any] = {} if keys is None else {"secret_keys": keys}
    with pytest.raises(ValidationError) as refusal:
        Settings(mode="production", **given)

    assert "COUNTERSIGN_SECRET_KEYS" in str(refusal.value)
    assert keys is None or keys.partition(":")[2] not in str(refusal.value)


def test_production_takes_random_keys() -> None:
    """Random bytes are never taken for a pattern."""
    for _ in range(1000):
        Settings(mode="production", secret_keys="k:" + base64.b64encode(secrets.token_bytes(32)).decode())


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"workers": 2}, "COUNTERSIGN_WORKERS"),
        ({"smtp_security": "none", "smtp_host": "mail.example"}, "COUNTERSIGN_SMTP_SECURITY"),
        ({"smtp_security": "none", "smtp_host": "10.0.0.5"}, "COUNTERSIGN_SMTP_SECURITY"),
        ({"smtp_security": "none", "smtp_host": "localhost.evil.example"}, "COUNTERSIGN_SMTP_SECURITY"),
    ],
)
def test_h8_production_refuses_what_is_only_good_for_trying_out(changes: dict[str, Any], key: str) -> None:
    """A file shared by processes, and letters in clear over a network."""
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
def test_production_takes_what_is_sound(changes: dict[str, Any]) -> None:
    """Processes that share PostgreSQL, and a mail server on the same machine."""
    assert production(**changes).is_production


def test_settings_are_frozen_and_keep_their_secrets() -> None:
    """Nothing changes after the start, and printing the settings shows no secret."""
    settings = Settings(
        database_url=f"postgres://u:{SECRET}@db/x",
        smtp_username="u",
        smtp_password=SECRET,
        address_store_url=f"redis://:{SECRET}@cache:6379/0",
    )

    assert SECRET not in repr(settings) + str(settings)
    assert DEMO_KEYS not in repr(settings)
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]  # frozen
    with pytest.raises(ValidationError):
        Settings(prot=1)  # type: ignore[call-arg]


def test_a_slip_of_the_pen_is_noticed() -> None:
    """A variable that looks like a setting and is none can be warned of."""
    environ = {"COUNTERSIGN_SECRETKEYS": "x", "countersign_port": "1", "COUNTERSIGN_MODE": "x", "PATH": "/"}

    assert unknown_keys(environ) == ["COUNTERSIGN_SECRETKEYS"]


def test_the_demos_keys_are_a_ring() -> None:
    """The demo and development work with them as they are."""
    assert KeyRing.parse(DEMO_KEYS).current_id == "demo"


def test_every_setting_is_described() -> None:
    """The table for the documentation has a row for each, with its default and a sentence."""
    table = settings_table()

    assert [row.key for row in table] == [key_of(name) for name in Settings.model_fields]
    assert all(row.description.endswith(".") for row in table)
    assert {row.key: row.default for row in table}["COUNTERSIGN_PORT"] == "8000"
    assert not any(DEMO_KEYS in row.default for row in table)


def test_a_file_of_certificates_has_to_be_there(tmp_path: Path) -> None:
    """A file that exists is taken."""
    file = tmp_path / "ca.pem"
    file.touch()

    assert Settings(smtp_ca_file=file).smtp_ca_file == file
