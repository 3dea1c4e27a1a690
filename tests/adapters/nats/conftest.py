from contextlib import ExitStack, contextmanager
from uuid import uuid4

import pytest

from adapters.nats.link import Link, Patience
from adapters.nats.relay import Pace, Relay
from tests.adapters.nats.broker import Broker, Free

PACE = Pace(poll=0.05, pause=0.05, verify=0.2)
QUICK = Patience(pause=0.02, longest_pause=0.2, ping=0.3, pings=2)


@pytest.fixture
def tenant():
    return uuid4()


@pytest.fixture
def broker(tmp_path):
    broker = Broker(tmp_path / "nats")
    broker.start()
    yield broker
    broker.go_on()
    broker.kill()


@pytest.fixture
def linked():
    """linked(url, build): a link with what `build(link)` makes on it, stopped at the test's end."""
    with ExitStack() as stack:

        def begin(url, build=lambda _: None):
            link = Link(url, patience=QUICK)
            built = build(link)
            link.start()
            stack.callback(link.stop)
            return link, built

        yield begin


@pytest.fixture
def relaying():
    """with relaying(url, logs): a relay at work."""

    @contextmanager
    def run(url, logs, pace=PACE, leases=None, told=lambda *_: None, erased=lambda _: set()):
        link = Link(url, patience=QUICK)
        relay = Relay(link, logs.heads, logs.of, leases or Free(), pace, told, erased)
        link.start()
        try:
            yield relay
        finally:
            link.stop()

    return run
