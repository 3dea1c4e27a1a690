"""A tenant whose trail is delivered by a courier that is told when to go, and a collector that it goes to."""

import pytest

from tests.api.deliveries.house import House
from tests.destinations.collector import Collector, running


@pytest.fixture
def house(world):
    return House(world)


@pytest.fixture
def collector():
    with running(Collector()) as collector:
        yield collector
