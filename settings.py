"""Settings from the environment, read once and frozen. Only the app and the command line read them."""

import base64
import binascii
import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ValueT = TypeVar("ValueT")

ENV_PREFIX = "COUNTERSIGN_"

# Published with the source, so good for a demo and for development alone; production refuses it.
DEMO_KEYS = "demo:+6ocACj6LejtlMU0+kEKCwX65KZZQcaPCh4GFGsJlDc="

# Of 32 random bytes about 30 are distinct; fewer than 16 come about by hand, never by chance.
FEWEST_DISTINCT_BYTES = 16

ORIGIN = re.compile(r"https?://(\[[0-9a-f:]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?", re.ASCII)
MAIL_ADDRESS = re.compile(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+")
# Key URI Format: a colon ends the issuer, whether it is encoded or not.
PLAIN_NAME = re.compile(r"[^:\x00-\x1f\x7f\u2028\u2029]{1,64}")


class SettingsError(Exception):
    """A setting cannot be used. The message names its key and the problem, never a value."""


def _split(value: object) -> object:
    """The parts of a comma-separated text."""
    if isinstance(value, str):
        return [part for part in (part.strip() for part in value.split(",")) if part]
    return value


Listed = BeforeValidator(_split)


def _outside_production(data: Mapping[str, Any]) -> bool:
    return data.get("mode") == "development"


class Settings(BaseSettings):
    """How this installation differs from any other."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True, env_ignore_empty=True
    )

    mode: Literal["development", "production"] = Field(
        default="development", description="`production` refuses what is only good for trying out."
    )
    database_url: str = Field(
        default="sqlite://var/countersign.sqlite3",
        repr=False,
        description="`sqlite://PATH` or `postgres://USER:PASSWORD@HOST:PORT/NAME`.",
    )
    database_pool_size: int = Field(
        default=10, ge=1, le=1000, description="Connections to the database, for each process."
    )
    secret_keys: SecretStr = Field(
        default=SecretStr(DEMO_KEYS),
        description="`ID:KEY[,ID:KEY…]`, each key 32 random bytes in base64; the first seals, all of them unseal.",
    )
    product_name: str = Field(default="Countersign", description="How the product is called in letters.")
    issuer: str = Field(
        default_factory=lambda data: str(data.get("product_name")),
        description="How the product is called in authenticator apps; else the product name.",
    )
    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="The port to listen on.")
    workers: int = Field(default=1, ge=1, le=1000, description="How many processes answer.")
    smtp_host: str = Field(default="localhost", description="The mail server.")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="`starttls` (587), `tls` from the first byte (465), or `none`."
    )
    smtp_username: str | None = Field(default=None, description="The account at the mail server, if it wants one.")
    smtp_password: SecretStr | None = Field(default=None, description="The password of that account.")
    smtp_timeout_s: float = Field(
        default=10.0, gt=0, le=300, description="How long the mail server may take, in seconds."
    )
    smtp_ca_file: Path | None = Field(
        default=None, description="Certificates to trust instead of the system's, as PEM."
    )
    mail_from: str = Field(default="no-reply@localhost", description="The address that letters come from.")
    allowed_origins: Annotated[tuple[str, ...], NoDecode, Listed] = Field(
        default=(), description="Web origins besides our own that may call with a cookie, comma-separated."
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode, Listed] = Field(
        default=("*",),
        description="Host names under which the API answers, comma-separated; `*.example.com` for subdomains.",
    )
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode, Listed] = Field(
        default=(), description="Networks (CIDR) of the proxies whose `X-Forwarded-For` is believed, comma-separated."
    )
    failures_per_address: int = Field(
        default=300, ge=1, description="Failed attempts in ten minutes after which an address has to wait."
    )
    address_store_url: str = Field(
        default="memory://",
        repr=False,
        description="Where failures by address are counted: `memory://` for each process, or `redis://HOST:PORT/DB`.",
    )
    introspection: bool = Field(
        default_factory=_outside_production, description="Whether the schema can be asked for; else off in production."
    )
    graphiql: bool = Field(
        default_factory=_outside_production, description="Whether GraphiQL is served; else off in production."
    )
    graphiql_dir: Path = Field(
        default=Path("var/graphiql"),
        description="Where the files of GraphiQL are, once `python -m transport.graphiql.fetch` has brought them.",
    )
    get_queries: bool = Field(
        default_factory=_outside_production,
        description="Whether queries (never mutations) are answered by GET; else off in production.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The least that is logged."
    )
    log_format: Literal["json", "text"] = Field(
        default_factory=lambda data: "text" if _outside_production(data) else "json",
        description="One JSON object or one plain line each; else JSON in production.",
    )

    @property
    def is_production(self) -> bool:
        """Whether this is the real thing."""
        return self.mode == "production"

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        return _require(value, value.startswith(("sqlite://", "postgres://", "postgresql://")), "is of no known form")

    @field_validator("address_store_url")
    @classmethod
    def _known_store(cls, value: str) -> str:
        known = value == "memory://" or value.startswith(("redis://", "rediss://"))
        return _require(value, known, "must be memory:// or redis://HOST:PORT/DB")

    @field_validator("product_name", "issuer")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        return _require(value, PLAIN_NAME.fullmatch(value), "must be 1 to 64 characters without colons")

    @field_validator("mail_from")
    @classmethod
    def _one_sender(cls, value: str) -> str:
        return _require(value, MAIL_ADDRESS.fullmatch(value), "must be one address")

    @field_validator("smtp_ca_file")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        return _require(value, value is None or value.is_file(), "is not a file")

    @field_validator("allowed_origins")
    @classmethod
    def _exact_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        lowered = tuple(origin.lower() for origin in value)
        exact = all(ORIGIN.fullmatch(origin) for origin in lowered)
        return _require(lowered, exact, "must be exact origins, SCHEME://HOST[:PORT], without * or path")

    @model_validator(mode="after")
    def _make_sense_together(self) -> Self:
        problems = []
        if (self.smtp_username is None) is not (self.smtp_password is None):
            problems.append(_problem("smtp_password", "a username and a password go together"))
        if self.smtp_password is not None and self.smtp_security == "none":
            problems.append(_problem("smtp_security", "a password is never sent without TLS"))
        if self.is_production:
            problems += self._production_problems()
        if problems:
            message = "; ".join(problems)
            raise ValueError(message)
        return self

    def _production_problems(self) -> list[str]:
        problems = []
        if weakness := _weakness(self.secret_keys.get_secret_value()):
            problems.append(_problem("secret_keys", weakness))
        if self.workers > 1 and self.database_url.startswith("sqlite"):
            problems.append(_problem("workers", "several processes need PostgreSQL, not a file"))
        if self.smtp_security == "none" and not _is_loopback(self.smtp_host):
            problems.append(_problem("smtp_security", "letters leave this machine, so they need starttls or tls"))
        return problems


def read_settings() -> Settings:
    """The settings of this process, from its environment.

    Raises:
        SettingsError: Some cannot be used.
    """
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            _problem(str(problem["loc"][0]), problem["msg"]) if problem["loc"] else problem["msg"]
            for problem in error.errors(include_url=False, include_context=False, include_input=False)
            # What follows from a setting that is refused already.
            if problem["type"] != "default_factory_not_called"
        ]
        raise SettingsError("\n".join(line.replace("Value error, ", "") for line in lines)) from None


def unknown_keys(environ: Mapping[str, str]) -> list[str]:
    """The variables that look like settings and are none: most often a slip of the pen."""
    known = {key_of(name) for name in Settings.model_fields}
    return sorted(key for key in environ if key.upper().startswith(ENV_PREFIX) and key.upper() not in known)


def key_of(name: str) -> str:
    """The environment variable of a setting."""
    return ENV_PREFIX + name.upper()


class SettingRow(NamedTuple):
    """A setting as the documentation lists it."""

    key: str
    default: str
    description: str


def settings_table() -> list[SettingRow]:
    """Every setting, for the documentation."""
    return [
        SettingRow(key_of(name), _shown_default(name, field.default, field.default_factory), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def _shown_default(name: str, default: object, factory: object) -> str:
    if name == "secret_keys":
        return "the demo's, which production refuses"
    if factory is not None:
        return {"issuer": "the product name", "log_format": "by mode"}.get(name, "on in development")
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return "" if default is None else str(default)


def _require(value: ValueT, holds: object, problem: str) -> ValueT:
    if not holds:
        raise ValueError(problem)
    return value


def _problem(name: str, problem: str) -> str:
    return f"{key_of(name)}: {problem}"


def _weakness(secret_keys: str) -> str | None:
    """Why these keys are no secret; None where they may be one. Their form is checked where the ring is made."""
    published = _key_bytes(DEMO_KEYS)
    for key in _key_bytes(secret_keys):
        if key in published:
            return "is missing, or the demo's"
        if len(set(key)) < FEWEST_DISTINCT_BYTES or (key.isascii() and key.decode().isprintable()):
            return "must be 32 random bytes, not a text or a pattern"
    return None


def _key_bytes(secret_keys: str) -> list[bytes]:
    try:
        return [base64.b64decode(entry.strip().partition(":")[2], validate=True) for entry in secret_keys.split(",")]
    except (binascii.Error, ValueError):
        return [b""]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost" or (urlsplit(f"//{host}").hostname or "").endswith(".localhost")
