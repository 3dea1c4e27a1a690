import os
import random

import pytest


@pytest.fixture
def seed():
    """Drawn by lot, or what EVERLOG_SEED says, to do the same again. It is printed."""
    drawn = int(os.environ.get("EVERLOG_SEED") or random.SystemRandom().getrandbits(32))
    print(f"seed {drawn}")  # noqa: T201 - it is needed to run this again
    return drawn
