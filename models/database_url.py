"""Parse the database URL into the configuration of Tortoise's connections."""

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

# The maximum time of a statement and of a lock. Longer than any healthy statement, shorter than a client waits.
STATEMENT_TIMEOUT_MS = 10_000
LOCK_TIMEOUT_MS = 5_000
CONNECT_TIMEOUT_S = 3

# The parameters of libpq that are supported. An unknown one is rejected: `ssl_mode=verify-full`, with an underscore,
# would otherwise connect without a check of the certificate.
PARAMETERS = frozenset({"host", "port", "sslmode", "sslrootcert"})
SSL_MODES = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})


async def _skip_reset(_connection: object) -> None:
    """Do not reset a connection when it returns to the pool. That saves a round trip.

    asyncpg already rolls back an open transaction. This product sets no session variables, does not LISTEN, and takes
    no lock that outlives its transaction.
    """


def parse_database_url(url: str, pool_size: int) -> dict[str, Any]:
    """Return engine and credentials for `sqlite://PATH` or `postgres://USER:PASSWORD@HOST:PORT/NAME[?PARAMETERS]`.

    The parameters are those of libpq: host, port, sslmode and sslrootcert.

    Raises:
        ValueError: The URL has another form. The message never contains it, since it may hold a password.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite" and (path := url.removeprefix("sqlite://")):
        return {
            "engine": "models.backends.sqlite",
            # NORMAL can lose the newest commits in a power failure, and a used code would be unused again.
            "credentials": {"file_path": path, "synchronous": "FULL", "busy_timeout": STATEMENT_TIMEOUT_MS},
        }
    if parts.scheme in {"postgres", "postgresql"} and len(parts.path) > 1:
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if unknown := options.keys() - PARAMETERS:
            message = f"unknown parameters: {', '.join(sorted(unknown))}; known are {', '.join(sorted(PARAMETERS))}"
            raise ValueError(message)
        return {
            "engine": "models.backends.postgres",
            "credentials": {
                "host": options.get("host") or parts.hostname or "127.0.0.1",
                "port": int(options.get("port") or parts.port or 5432),
                "user": unquote(parts.username or "postgres"),
                "password": unquote(parts.password) if parts.password else None,
                "database": unquote(parts.path[1:]),
                "ssl": _ssl(options.get("sslmode", "prefer"), options.get("sslrootcert")),
                "minsize": 1,
                "maxsize": pool_size,
                "reset": _skip_reset,
                "timeout": CONNECT_TIMEOUT_S,
                "command_timeout": STATEMENT_TIMEOUT_MS / 1000 + 1,
                "server_settings": {
                    "application_name": "countersign",
                    "statement_timeout": str(STATEMENT_TIMEOUT_MS),
                    "lock_timeout": str(LOCK_TIMEOUT_MS),
                    "idle_in_transaction_session_timeout": str(2 * STATEMENT_TIMEOUT_MS),
                },
            },
        }
    message = "the database URL must be sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/NAME"
    raise ValueError(message)


def _ssl(mode: str, root_certificates: str | None) -> str | ssl.SSLContext:
    """Return what asyncpg takes. With root certificates, check the certificate of the server as libpq does."""
    if mode not in SSL_MODES:
        message = f"sslmode must be one of {', '.join(sorted(SSL_MODES))}"
        raise ValueError(message)
    if root_certificates is None or mode in {"disable", "allow", "prefer"}:
        return mode
    if not Path(root_certificates).is_file():
        message = "sslrootcert is not a file"
        raise ValueError(message)
    context = ssl.create_default_context(cafile=root_certificates)
    # libpq: with root certificates, `require` checks the certificate like `verify-ca`.
    context.check_hostname = mode == "verify-full"
    return context
