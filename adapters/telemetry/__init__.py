"""What the program tells of itself: log lines, traces, metrics. Never a person's data, never a secret."""

from adapters.telemetry.http import Http
from adapters.telemetry.logs import configure
from adapters.telemetry.metrics import Metrics
from adapters.telemetry.process import Telemetry
from adapters.telemetry.traces import Traces

__all__ = ["Http", "Metrics", "Telemetry", "Traces", "configure"]
