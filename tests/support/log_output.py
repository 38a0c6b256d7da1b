"""The log of the product, as it is in production."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from transport.logs import SILENT_LOGGERS, configure_logging


class LogOutput(io.StringIO):
    """The log output of a test."""

    def events(self) -> list[dict[str, Any]]:
        """Return all log events. Each line is a JSON object."""
        return [json.loads(line) for line in self.getvalue().split("\n")[:-1]]

    def find_all(self, event: str) -> list[dict[str, Any]]:
        """Return the events with this name."""
        return [line for line in self.events() if line["event"] == event]

    def find(self, event: str) -> dict[str, Any]:
        """Return the only event with this name."""
        (match,) = self.find_all(event)
        return match


@contextmanager
def captured_log(level: str) -> Iterator[LogOutput]:
    """Log in the format of production. Restore the configuration afterwards."""
    output = LogOutput()
    with restored_logging():
        configure_logging(level, "json", stream=output)
        # The HTTP client of the tests logs its requests, which is not part of the product.
        logging.getLogger("httpx").disabled = True
        try:
            yield output
        finally:
            logging.getLogger("httpx").disabled = False


@contextmanager
def restored_logging() -> Iterator[None]:
    """Restore the configuration of logging after the block."""
    root = logging.getLogger()
    handlers, root_level = root.handlers, root.level
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(root_level)
        for name in SILENT_LOGGERS:
            logging.getLogger(name).disabled = False
        structlog.reset_defaults()
