"""Waiting for what other threads and processes do."""

import time


def until(true, seconds=60):
    """What it is once it is true; fails where that takes far too long."""
    give_up = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < give_up, f"It never came to be: {found!r}"
        time.sleep(0.01)
    return found
