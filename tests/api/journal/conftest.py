"""A tenant of its own for each test: what others read does not stand between."""

import pytest


@pytest.fixture
def tenant(world):
    return world.tenant()
