"""Read the settings from environment variables, once. The packages of the API do not import this module."""

import base64
import binascii
import hashlib
import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import parse_qsl, urlsplit

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

# The SHA-256 of the key of the demo, which is public. Production rejects it.
PUBLIC_KEY_HASHES = frozenset({"a7ef16b2f8d3e8d5aeb41caffaf511b2111dfba1fcb2a7bc6a34964e58b5bd4c"})

# Without `COUNTERSIGN_SECRET_KEYS`, a development installation stores a random key here.
DEVELOPMENT_KEY_FILE = Path("var/countersign.key")

# 32 random bytes have about 30 distinct values. A key with fewer than 16 is practically never random.
MIN_DISTINCT_BYTES = 16

# Apps have schemes of their own. No page has an origin with one of the excluded schemes (URL Standard, "origin").
ORIGIN = re.compile(r"(?!(file|ftp|wss?):)[a-z][a-z0-9+.-]*://(\[[0-9a-f:]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?", re.ASCII)
# The pages of an app for Android or Windows can have such an origin. They are files of the app, and no network sends
# them. An origin with a port is that of a server.
APP_ORIGIN = re.compile(r"http://([a-z0-9-]+\.)?localhost")
# A page on the web, without a user name, white space or characters that would end the address in HTML.
PAGE = re.compile(r"https?://(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?([/?#][^\s\"'<>\\]*)?", re.ASCII)
EMAIL_ADDRESS = re.compile(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+")
# Key URI Format: a colon separates the issuer from the account name, even if the colon is percent-encoded.
NAME = re.compile(r"(?=.*\S)[^:\x00-\x1f\x7f\u2028\u2029]{1,64}")
# A QR code has 2,331 bytes (ISO/IEC 18004, version 40-M). It has the issuer twice, percent-encoded, and an email.
NAME_MAX_BYTES = 240


class SettingsError(Exception):
    """Raised when a setting is invalid. The message contains the variable and the problem, but no value."""


def _split(value: object) -> object:
    if isinstance(value, str):
        return [part for part in (part.strip() for part in value.split(",")) if part]
    return value


CommaSeparated = BeforeValidator(_split)


def _is_development(data: Mapping[str, Any]) -> bool:
    return data.get("mode") == "development"


class Settings(BaseSettings):
    """The settings of an installation. They cannot be changed after the start."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True, env_ignore_empty=True
    )

    mode: Literal["development", "production"] = Field(
        default="development", description="`production` rejects insecure settings."
    )
    database_url: str = Field(
        default="sqlite://var/countersign.sqlite3",
        repr=False,
        description="`sqlite://PATH` or `postgres://USER:PASSWORD@HOST:PORT/NAME`.",
    )
    database_pool_size: int = Field(
        default=10, ge=1, le=1000, description="The maximum number of database connections of each process."
    )
    secret_keys: SecretStr | None = Field(
        default=None,
        description=(
            "`ID:KEY[,ID:KEY…]`, each key 32 random bytes in base64. The first key encrypts, all keys decrypt."
        ),
    )
    product_name: str = Field(default="Countersign", description="The name of the product in emails.")
    issuer: str = Field(
        default_factory=lambda data: str(data.get("product_name")),
        description="The name of the product in authenticator apps.",
    )
    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="The port to listen on.")
    workers: int = Field(default=1, ge=1, le=1000, description="The number of server processes.")
    smtp_host: str = Field(default="localhost", description="The host name of the SMTP server.")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="The port of the SMTP server.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="`starttls` (port 587), implicit `tls` (port 465), or `none`."
    )
    smtp_username: str | None = Field(default=None, description="The user name for the SMTP server, if required.")
    smtp_password: SecretStr | None = Field(default=None, description="The password for the SMTP server.")
    smtp_timeout_s: float = Field(default=10.0, gt=0, le=300, description="The timeout of the SMTP server, in seconds.")
    smtp_ca_file: Path | None = Field(
        default=None, description="A PEM file with the CA certificates to trust instead of those of the system."
    )
    mail_from: str = Field(default="no-reply@localhost", description="The sender address of emails.")
    allowed_origins: Annotated[tuple[str, ...], NoDecode, CommaSeparated] = Field(
        default=(),
        description=(
            "Other origins that may call the API, comma-separated: web pages (`https://app.example`) and apps "
            "(`capacitor://localhost`)."
        ),
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode, CommaSeparated] = Field(
        default=("*",),
        description="The host names of the API, comma-separated; `*.example.com` for subdomains.",
    )
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode, CommaSeparated] = Field(
        default=(), description="The networks (CIDR) of trusted proxies, which set `X-Forwarded-For`; comma-separated."
    )
    failures_per_address: int = Field(
        default=300, ge=1, description="Failed attempts in ten minutes after which an IP address has to wait."
    )
    strangers_per_address: int = Field(
        default=50,
        ge=1,
        description=(
            "Requests without a session in ten seconds after which responses to an IP address are delayed by a second."
        ),
    )
    cost_per_minute: int = Field(
        default=60_000,
        ge=10_000,
        description="The cost of all operations of a viewer in a minute, counted in each process.",
    )
    address_store_url: str = Field(
        default="memory://",
        repr=False,
        description=(
            "The store for failed attempts by IP address: `memory://` (one store for each process) or "
            "`redis://HOST:PORT/DB`."
        ),
    )
    password_blocklist: Path | None = Field(
        default=None,
        description=(
            "A UTF-8 file of passwords that nobody may have, one a line, for example from breaches. If it is larger "
            "than 256 MiB, it must be sorted (`LC_ALL=C sort -u`)."
        ),
    )
    help_url: str | None = Field(
        default=None, description="The address of a page with help for users, to which the reference frontend links."
    )
    introspection: bool = Field(default_factory=_is_development, description="Allow introspection queries.")
    graphiql: bool = Field(default_factory=_is_development, description="Serve GraphiQL at `/graphql`.")
    graphiql_dir: Path = Field(
        default=Path("var/graphiql"),
        description="The folder with the files of GraphiQL, which `python -m tools.fetch_graphiql` downloads.",
    )
    get_queries: bool = Field(
        default_factory=_is_development,
        description="Allow queries (never mutations) by GET.",
    )
    trusted_documents: Path | None = Field(
        default=None,
        description=(
            "A manifest of documents, as graphql-codegen writes it (`persisted-documents.json`). Clients then send the "
            "hash of a document. In production, no other document runs."
        ),
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The lowest level that is logged."
    )
    log_format: Literal["json", "text"] = Field(
        default_factory=lambda data: "text" if _is_development(data) else "json",
        description="`json`: one JSON object for each event; `text`: one line of text.",
    )

    @property
    def is_production(self) -> bool:
        """Whether the mode is `production`."""
        return self.mode == "production"

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: str) -> str:
        return _require(
            value,
            value.startswith(("sqlite://", "postgres://", "postgresql://")),
            "must be sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/NAME",
        )

    @field_validator("address_store_url")
    @classmethod
    def _check_address_store_url(cls, value: str) -> str:
        is_known = value == "memory://" or value.startswith(("redis://", "rediss://"))
        return _require(value, is_known, "must be memory:// or redis://HOST:PORT/DB")

    @field_validator("product_name", "issuer")
    @classmethod
    def _check_name(cls, value: str) -> str:
        is_name = NAME.fullmatch(value) and len(value.encode(errors="replace")) <= NAME_MAX_BYTES
        return _require(value, is_name, f"must be 1 to 64 characters without colons, at most {NAME_MAX_BYTES} bytes")

    @field_validator("mail_from")
    @classmethod
    def _check_sender(cls, value: str) -> str:
        return _require(value, EMAIL_ADDRESS.fullmatch(value), "must be one email address")

    @field_validator("smtp_ca_file", "password_blocklist", "trusted_documents")
    @classmethod
    def _check_file(cls, value: Path | None) -> Path | None:
        return _require(value, value is None or value.is_file(), "is not a file")

    @field_validator("allowed_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        origins = tuple(_without_default_port(origin.lower()) for origin in value)
        are_exact = all(ORIGIN.fullmatch(origin) for origin in origins)
        return _require(origins, are_exact, "must be exact origins, SCHEME://HOST[:PORT], without * or a path")

    @field_validator("help_url")
    @classmethod
    def _check_help_url(cls, value: str | None) -> str | None:
        return _require(
            value, value is None or PAGE.fullmatch(value), "must be the address of a page, https://HOST/PATH"
        )

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        problems = []
        if (self.smtp_username is None) is not (self.smtp_password is None):
            problems.append(_problem("smtp_password", "set both the username and the password, or neither"))
        if self.smtp_password is not None and self.smtp_security == "none":
            problems.append(_problem("smtp_security", "must be starttls or tls if a password is set"))
        if self.is_production:
            problems += self._production_problems()
        if problems:
            message = "; ".join(problems)
            raise ValueError(message)
        return self

    def _production_problems(self) -> list[str]:
        problems = []
        if self.secret_keys is None:
            problems.append(_problem("secret_keys", "is missing"))
        elif weakness := _weakness(self.secret_keys.get_secret_value()):
            problems.append(_problem("secret_keys", weakness))
        if self.workers > 1 and self.database_url.startswith("sqlite"):
            problems.append(_problem("workers", "several processes need PostgreSQL; SQLite supports one"))
        if self.smtp_security == "none" and not _is_loopback(self.smtp_host):
            problems.append(_problem("smtp_security", "must be starttls or tls for a server on another machine"))
        if _is_unencrypted_remote(self.database_url):
            problems.append(_problem("database_url", "sslmode=disable is only safe for a database on this machine"))
        if any(each.startswith("http://") and not APP_ORIGIN.fullmatch(each) for each in self.allowed_origins):
            problems.append(
                _problem("allowed_origins", "must not be http: others can change a page that is sent in clear")
            )
        if (self.help_url or "").startswith("http://"):
            problems.append(_problem("help_url", "must be https: others can change a page that is sent in clear"))
        return problems


def read_settings() -> Settings:
    """Read the settings from the environment variables of this process.

    Raises:
        SettingsError: At least one setting is invalid. The message has one line for each.
    """
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            _problem(str(problem["loc"][0]), problem["msg"]) if problem["loc"] else problem["msg"]
            for problem in error.errors(include_url=False, include_context=False, include_input=False)
            # Skip defaults that depend on another invalid setting.
            if problem["type"] != "default_factory_not_called"
        ]
        raise SettingsError("\n".join(line.replace("Value error, ", "") for line in lines)) from None


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Return variables that have the prefix of settings but are not settings. Most of them are typing errors."""
    known = {key_of(name) for name in Settings.model_fields}
    return sorted(key for key in environ if key.upper().startswith(ENV_PREFIX) and key.upper() not in known)


def key_of(name: str) -> str:
    """Return the environment variable of a setting."""
    return ENV_PREFIX + name.upper()


def _require(value: ValueT, condition: object, problem: str) -> ValueT:
    if not condition:
        raise ValueError(problem)
    return value


def _problem(name: str, problem: str) -> str:
    return f"{key_of(name)}: {problem}"


def _without_default_port(origin: str) -> str:
    """Return the origin as browsers send it."""
    return origin.removesuffix({"http": ":80", "https": ":443"}.get(origin.partition(":")[0], ""))


def _weakness(secret_keys: str) -> str | None:
    """Return why these keys are not secret, or None. `KeyRing.parse` checks their format."""
    for key in _key_bytes(secret_keys):
        if hashlib.sha256(key).hexdigest() in PUBLIC_KEY_HASHES:
            return "contains the key of the demo"
        if len(set(key)) < MIN_DISTINCT_BYTES or (key.isascii() and key.decode().isprintable()):
            return "must be 32 random bytes, not text or a pattern"
    return None


def _key_bytes(secret_keys: str) -> list[bytes]:
    try:
        return [base64.b64decode(entry.strip().partition(":")[2], validate=True) for entry in secret_keys.split(",")]
    except (binascii.Error, ValueError):
        return [b""]


def _is_unencrypted_remote(database_url: str) -> bool:
    try:
        parts = urlsplit(database_url)
        options = dict(parse_qsl(parts.query))
        host = options.get("host") or parts.hostname or "localhost"
    except ValueError:
        # The check of the format reports the problem.
        return False
    # A path is the folder of a UNIX socket.
    return options.get("sslmode") == "disable" and not host.startswith("/") and not _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost" or (urlsplit(f"//{host}").hostname or "").endswith(".localhost")
