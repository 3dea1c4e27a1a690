"""Traces (OpenTelemetry). The log keeps each event's `traceparent`, so what happens to it later joins its trace."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from secrets import token_hex
from typing import TYPE_CHECKING

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags, Tracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

Value = str | int | float | bool
ENDPOINT = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

_PARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_SECOND = 10**9

_here: ContextVar[str] = ContextVar("traceparent", default="")


def read(traceparent: str) -> SpanContext | None:
    """A W3C `traceparent`; None for anything else."""
    if not traceparent or (found := _PARENT.fullmatch(traceparent)) is None:
        return None
    flags = TraceFlags(int(found[3], 16) & 1)
    return SpanContext(int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=flags)


def write(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags) & 1:02x}"


def sampled(traceparent: str) -> bool:
    """Whether somebody may be collecting the trace. Cheap: it is asked of every event."""
    return traceparent.endswith("1")


class Traces:
    """Without an exporter nothing is collected; ids are still given, so that log lines and events can be joined."""

    def __init__(self, service: str, exporter: "SpanExporter | None" = None, *, at_once: bool = False) -> None:
        self._provider = _provider(service, exporter, at_once=at_once) if exporter else None
        self._tracer = self._provider.get_tracer("everlog") if self._provider else None

    @classmethod
    def of(cls, service: str, environment: Mapping[str, str] = os.environ) -> "Traces":
        """Sent by OTLP over HTTP where OTEL_EXPORTER_OTLP_ENDPOINT names a collector."""
        if not any(environment.get(name) for name in ENDPOINT):
            return cls(service)
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return cls(service, OTLPSpanExporter())

    @property
    def collecting(self) -> bool:
        return self._tracer is not None

    def current(self) -> str:
        """The `traceparent` of what is going on here; empty outside of any trace."""
        return _here.get()

    def span(
        self, name: str, *, parent: str = "", kind: SpanKind = SpanKind.INTERNAL, **about: Value
    ) -> AbstractContextManager[str]:
        """Something that happens now, within `parent`, or else within what is going on. Gives its `traceparent`.

        What is said `about` it stands in no log but the collector's, and is as free of persons: numbers, names of ours.
        """
        above = read(parent) or read(_here.get())
        return _At(_fresh(above)) if self._tracer is None else self._collected(self._tracer, name, above, kind, about)

    @contextmanager
    def _collected(
        self, tracer: Tracer, name: str, above: SpanContext | None, kind: SpanKind, about: dict[str, Value]
    ) -> Iterator[str]:
        span = tracer.start_span(name, _within(above), kind, attributes=about)
        try:
            with _At(write(span.get_span_context())) as here:
                yield here
        except BaseException as error:
            # Not its words: they may quote what somebody entered.
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            span.end()

    def past(self, name: str, traceparent: str, began: float, ended: float, **about: Value) -> None:
        """Something that happened to an event recorded under a trace; times are seconds since 1970."""
        if self._tracer is None or (above := read(traceparent)) is None:
            return
        span = self._tracer.start_span(
            name, _within(above), attributes=about, links=[Link(above)], start_time=int(began * _SECOND)
        )
        span.end(int(ended * _SECOND))

    def flush(self) -> None:
        """Send what is collected, before the process ends."""
        if self._provider:
            self._provider.shutdown()


class _At:
    """Within it, this is what goes on."""

    __slots__ = ("_before", "_traceparent")

    def __init__(self, traceparent: str) -> None:
        self._traceparent = traceparent

    def __enter__(self) -> str:
        self._before = _here.set(self._traceparent)
        return self._traceparent

    def __exit__(self, *_: object) -> None:
        _here.reset(self._before)


def _fresh(above: SpanContext | None) -> str:
    """A step of a trace that is not collected here, though others may."""
    flags = int(above.trace_flags) & 1 if above else 0
    return f"00-{above.trace_id:032x}-{token_hex(8)}-{flags:02x}" if above else f"00-{token_hex(16)}-{token_hex(8)}-00"


def _within(above: SpanContext | None) -> Context:
    return otel.set_span_in_context(NonRecordingSpan(above), Context()) if above else Context()


def _provider(service: str, exporter: "SpanExporter", *, at_once: bool) -> "TracerProvider":
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": f"everlog-{service}"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter) if at_once else BatchSpanProcessor(exporter))
    return provider
