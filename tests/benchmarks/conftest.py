"""What a benchmark changes in its own process, tests put back."""

import logging

import pytest


@pytest.fixture(autouse=True)
def logged():
    """A benchmark has its libraries say nothing from then on; the next test wants to hear them."""
    yield
    logging.disable(logging.NOTSET)
