import io
import json
import logging

import pytest
import structlog
from structlog.contextvars import clear_contextvars

from adapters.telemetry import configure, logs


@pytest.fixture
def lines():
    """Everything logged from here on, parsed."""
    written = io.StringIO()
    root = logging.getLogger()
    handlers, level, quiet = root.handlers, root.level, logging.getLogger("casbin").level
    configure("api", stream=written)

    def told():
        logs.flush()
        return [json.loads(line) for line in written.getvalue().splitlines()]

    yield told
    root.handlers, root.level = handlers, level
    logging.getLogger("casbin").setLevel(quiet)
    structlog.reset_defaults()
    clear_contextvars()
