"""Moves the clock of a Python process by the seconds that a file holds: Python imports this by itself from PYTHONPATH.

The file may change at any moment. Only what reads the time through `time` is moved; `datetime.now` is not.
"""

import os
import time
from pathlib import Path

_SHIFT = Path(os.environ["EVERLOG_FAULT_SHIFT"])
_time, _time_ns = time.time, time.time_ns


def _shift() -> float:
    return float(_SHIFT.read_text())


def _moved() -> float:
    return _time() + _shift()


def _moved_ns() -> int:
    return _time_ns() + int(_shift() * 1e9)


time.time, time.time_ns = _moved, _moved_ns
