"""Configure logging: each event is one line that clients cannot forge and that has no secrets (ASVS 16.2, 16.4.1)."""

import logging
import sys
import traceback
import unicodedata
from typing import Any, TextIO

import structlog
from asgi_correlation_id import correlation_id
from structlog.typing import EventDict, Processor, WrappedLogger

from transport.output_streams import failsafe_stream

# Below this level, libraries log SQL with its parameters and parts of passwords.
MIN_LIBRARY_LEVEL = logging.INFO
# Strawberry logs rejected documents with their values. Requests are logged by `transport.middleware`, and rejected
# request ids are not logged.
SILENT_LOGGERS = ("strawberry.execution", "uvicorn.access", "asgi_correlation_id")

# Only the innermost frames of a traceback are logged.
MAX_FRAMES = 12


def configure_logging(level: str, log_format: str, *, stream: TextIO | None = None) -> None:
    """Write all log events, including those of libraries, to one stream in the format `json` or `text`.

    The default is standard output. No request fails because a log line cannot be written there.
    """
    stream = failsafe_stream(stream or sys.stdout)
    chain: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_correlation_id,
        describe_exception,
    ]
    renderer: list[Processor] = [structlog.processors.JSONRenderer()]
    if log_format == "text":
        renderer = [
            escape_control_characters,
            structlog.processors.LogfmtRenderer(key_order=("timestamp", "level", "event")),
        ]
    structlog.configure(
        processors=[*chain, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(stream),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=chain,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(MIN_LIBRARY_LEVEL, logging.getLevelNamesMapping()[level]))
    for name in SILENT_LOGGERS:
        logging.getLogger(name).disabled = True


def add_correlation_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add the id of the current request to the event."""
    if (request_id := correlation_id.get()) is not None:
        event["correlation_id"] = request_id
    return event


def describe_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace an exception by its class and traceback, without its message: a driver's contains the values of a row."""
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["error"] = " < ".join(_class_names(error))
        event["trace"] = [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
        ]
    return event


def escape_control_characters(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape control characters, which could start a new line or change the colours of a terminal."""
    return {key: _escape(value) for key, value in event.items()}


def _class_names(error: BaseException | None) -> list[str]:
    names: list[str] = []
    while error is not None and len(names) < MAX_FRAMES:
        names.append(type(error).__qualname__)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return names


def _escape(value: Any) -> Any:  # noqa: ANN401  # any logged value
    text = value if isinstance(value, str) else str(value)
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
        else character
        for character in text
    )
