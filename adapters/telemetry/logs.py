"""Log lines: one JSON object each, on standard error, from structlog and from the standard library alike."""

import asyncio
import atexit
import json
import logging
import sys
import threading
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from typing import IO, Any
from uuid import UUID

import msgspec
import structlog
from structlog.contextvars import merge_contextvars

from adapters.telemetry import scrub
from adapters.telemetry.traces import Traces

QUIET = ("asyncio", "casbin", "httpcore2", "httpx2", "litestar", "nats", "opentelemetry", "psycopg", "urllib3")
"""They speak up from a warning on; casbin would print every tenant's policy."""

Line = MutableMapping[str, Any]

whom: ContextVar[tuple[UUID, object] | None] = ContextVar("whom", default=None)
"""The tenant and the actor of what goes on here; every line names them."""
_MOMENT = 0.02
"""Seconds that the line of a request waits for others."""


def configure(service: str, traces: Traces | None = None, level: str = "INFO", stream: IO[str] | None = None) -> None:
    """Have the whole process log this way, its uncaught exceptions too. `service` is `api` or `worker`."""
    global _requests  # noqa: PLW0603 - a process logs one way
    write = Writer(stream or sys.stderr)
    _requests = Requests(write, partial(_known, service, traces))
    before: list[Any] = [
        merge_contextvars,
        _named,
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
        self._kept: list[str] = []

    def msg(self, line: str) -> None:
        # Nobody is served worse because nobody reads the log any more.
        with self._lock, suppress(ValueError, OSError):
            kept, self._kept = self._kept, []
            self._stream.write("\n".join([*kept, line, ""]))
            self._stream.flush()

    def later(self, line: str) -> None:
        """The same, on an event loop: within moments, or before the next line of another kind; many cost one write."""
        with self._lock:
            self._kept.append(line)
            first = len(self._kept) == 1
        if first:
            asyncio.get_running_loop().call_later(_MOMENT, self.flush)

    def flush(self) -> None:
        with self._lock, suppress(ValueError, OSError):
            kept, self._kept = self._kept, []
            if kept:
                self._stream.write("\n".join([*kept, ""]))
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


class Requests:
    """Writes the line of each request: what structlog would write, put together at once, as there are so many."""

    def __init__(self, write: Writer, known: Callable[[object, str, Line], Line]) -> None:
        self._write = write
        self._known = known

    def told(self, line: Line) -> None:
        line.update(event="request", level="info")
        self._write.later(_encode(self._known(None, "", _named(None, "", line))).decode())

    def flush(self) -> None:
        self._write.flush()


_requests: Requests | None = None
"""Nothing is written before anybody has said where to."""
_encode = msgspec.json.Encoder().encode


def request(method: str, route: str, status: int, seconds: float) -> None:
    """The line of a request that was answered, from within an event loop. `method` and `route` are words of ours."""
    if _requests and logging.getLogger("http").isEnabledFor(logging.INFO):
        _requests.told({"method": method, "route": route, "status": status, "seconds": round(seconds, 6)})


@atexit.register
def flush() -> None:
    """Write what still waits for more."""
    if _requests:
        _requests.flush()


def _named(_: object, __: str, line: Line) -> Line:
    if found := whom.get():
        line["tenant"], line["actor"] = str(found[0]), str(found[1])
    return line


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
