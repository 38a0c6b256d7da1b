"""`python -m demo`, with PORT and DATA from the environment: what `make demo` runs."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from demo.running import DemoError, run
from settings import ENV_PREFIX, key_of

DEFAULT_PORT = 8000
DEFAULT_DATA = "var/demo"


def main() -> None:
    """Run the demo until it is told to stop. Says in one line why it cannot."""
    # Until the server takes both signals for itself.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _leave_production_alone()
        asyncio.run(run(port=_port(), data=Path(os.environ.get("DATA") or DEFAULT_DATA).resolve()))
    except DemoError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        # Somebody changed their mind before it was ready.
        return


def _leave_production_alone() -> None:
    if os.environ.get(key_of("mode"), "").strip().lower() == "production":
        message = f"{key_of('mode')} says production: the demo has published keys, and is not run there"
        raise DemoError(message)
    # What they point at is somebody else's database or mail server.
    for key in [key for key in os.environ if key.upper().startswith(ENV_PREFIX)]:
        del os.environ[key]


def _port() -> int:
    text = os.environ.get("PORT") or str(DEFAULT_PORT)
    if not (text.isascii() and text.isdecimal() and int(text) <= 65535):  # noqa: PLR2004  # the highest port
        message = "PORT must be a number from 0 (any free port) to 65535"
        raise DemoError(message)
    return int(text)


main()
