"""Log lines: one JSON object each, on standard error, from structlog and from the standard library alike."""

import json
import logging
import sys
import threading
from collections.abc import MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import IO, Any

import structlog
from structlog.contextvars import merge_contextvars

from adapters.telemetry import scrub
from adapters.telemetry.traces import Traces

QUIET = ("asyncio", "casbin", "httpcore2", "httpx2", "litestar", "nats", "opentelemetry", "psycopg", "urllib3")
"""They speak up from a warning on; casbin would print every tenant's policy."""

Line = MutableMapping[str, Any]


def configure(service: str, traces: Traces | None = None, level: str = "INFO", stream: IO[str] | None = None) -> None:
    """Have the whole process log this way, its uncaught exceptions too. `service` is `api` or `worker`."""
    write = Writer(stream or sys.stderr)
    before: list[Any] = [
        merge_contextvars,
        _exception,
        scrub.keys,
        # What follows is our own, and as it should be.
        structlog.stdlib.add_log_level,
        partial(_known, service, traces),
    ]
    structlog.configure(
        processors=[*before, _rendered],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=lambda *_: write,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [Records(write, before)]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    sys.excepthook = _uncaught
    threading.excepthook = lambda gone: _uncaught(gone.exc_type, gone.exc_value, gone.exc_traceback)


class Writer:
    """Where structlog's lines go: whole ones, one after the other."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def msg(self, line: str) -> None:
        # Nobody is served worse because nobody reads the log any more.
        with self._lock, suppress(ValueError, OSError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = warn = error = critical = exception = fatal = failure = log = msg


class Records(logging.Handler):
    """Gives the standard library's records the same way out."""

    def __init__(self, write: Writer, processors: list[Any]) -> None:
        super().__init__()
        self._write = write
        self._processors = processors

    def emit(self, record: logging.LogRecord) -> None:
        line: Any = {
            "event": scrub.message(record.name, record.msg, record.args),
            "logger": record.name,
            "place": f"{record.module}:{record.lineno}",
        }
        if record.exc_info:
            line["exc_info"] = record.exc_info
        for processor in self._processors:
            line = processor(None, record.levelname.lower(), line)
        self._write.msg(_rendered(None, "", line))


def _known(service: str, traces: Traces | None, _: object, __: str, line: Line) -> Line:
    line["timestamp"] = datetime.now(UTC).isoformat(timespec="microseconds")
    line["service"] = service
    if traces and "trace" not in line and (trace := traces.current()):
        line["trace"] = trace
    return line


def _exception(_: object, __: str, line: Line) -> Line:
    given = line.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else (given[1] if isinstance(given, tuple) else None)
    if given is True:
        error = sys.exc_info()[1]
    if error is not None:
        line["exception"] = scrub.frames(error)
    return line


def _rendered(_: object, __: str, line: Any) -> str:
    # ASCII alone: some readers take other characters than a newline for the end of a line.
    return json.dumps(line, default=str)


def _uncaught(kind: type[BaseException], error: BaseException | None, _: object) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    structlog.get_logger().critical("An exception ended this thread.", exc_info=error, logger="everlog")
