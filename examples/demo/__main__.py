"""Run the demo by `python -m examples.demo`, as `make demo` does. PORT, DATA and ORIGINS are environment variables."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from examples.demo.runner import DemoError, run
from settings import ENV_PREFIX, key_of
from transport.output_streams import failsafe_stream

DEFAULT_PORT = 8000
DEFAULT_DATA = "var/demo"


def main() -> None:
    """Run the demo until SIGINT or SIGTERM. Print an expected error as one line, and exit with code 1."""
    # Before the server handles both signals itself, SIGTERM raises KeyboardInterrupt, as SIGINT does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.stdout, sys.stderr = failsafe_stream(sys.stdout), failsafe_stream(sys.stderr)
    try:
        _isolate_from_environment()
        data = Path(os.environ.get("DATA") or DEFAULT_DATA).resolve()
        asyncio.run(run(port=_port(), data=data, origins=os.environ.get("ORIGINS", "")))
    except DemoError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        # The user stopped the demo before it was ready. This is no error.
        return


def _isolate_from_environment() -> None:
    if os.environ.get(key_of("mode"), "").strip().lower() == "production":
        message = f"{key_of('mode')} is production. The demo has published keys, so it does not run there"
        raise DemoError(message)
    # Settings in the environment belong to another installation, with its own database and mail server.
    for key in [key for key in os.environ if key.upper().startswith(ENV_PREFIX)]:
        del os.environ[key]


def _port() -> int:
    text = os.environ.get("PORT") or str(DEFAULT_PORT)
    if not (text.isascii() and text.isdecimal() and int(text) <= 65535):  # noqa: PLR2004  # the highest port
        message = "PORT must be a number from 0 (any free port) to 65535"
        raise DemoError(message)
    return int(text)


main()
