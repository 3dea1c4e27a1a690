"""Measure Everlog against peers on the same machine in the same run: `make bench`, or `python -m benchmarks`."""

import importlib
import logging
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Annotated, Literal, get_args

from cyclopts import App, Parameter
from msgspec.structs import replace
from rich.console import Console

from benchmarks import report
from benchmarks.ground import prepared
from benchmarks.kernel import FULL, QUICK, Job, Line, Session

Name = Literal[
    "append-64x1",
    "append-8x1",
    "append-1x1",
    "append-8x100",
    "catch-up",
    "lag",
    "seal",
    "check",
    "replay",
    "load-stream",
    "http",
    "journal",
    "access",
    "encrypt",
    "predict",
    "verify",
    "move",
    "startup",
    "growth",
    "questions",
    "recompute",
]
ALL: tuple[Name, ...] = get_args(Name)
JOBS = {
    "calibration": "calibration:run",
    "append-64x1": "append:many",
    "append-8x1": "append:few",
    "append-1x1": "append:one",
    "append-8x100": "append:batches",
    "catch-up": "catch_up:run",
    "lag": "lag:run",
    "seal": "seal:run",
    "check": "check:run",
    "replay": "replay:run",
    "load-stream": "stream:run",
    "http": "http:run",
    "journal": "journal:run",
    "access": "access:run",
    "encrypt": "encrypt:run",
    "predict": "predict:run",
    "verify": "verify:run",
    "move": "move:run",
    "startup": "startup:run",
    "growth": "growth:run",
    "questions": "questions:run",
    "recompute": "recompute:run",
}
"""Imported when it is measured: a job needs what others do not."""

WIDTH = 180
"""Columns of the table where no terminal says how many there are."""

app = App(name="python -m benchmarks", help=__doc__, version_flags=[], help_format="plaintext")


@app.default
def bench(
    *jobs: Name,
    quick: Annotated[bool, Parameter(negative="")] = False,
    events: tuple[int, int] | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Measure Everlog against peers on the same machine in the same run; more is better in every ratio.

    Args:
        jobs: What to measure, in this order; everything if none is named.
        events: Of the jobs `questions` and `recompute`: events in the organisation that is asked about, and in all.
        quick: Few rounds on little data: ends within five minutes instead of hours.
        as_json: One JSON object a line on standard output instead of a table.
    """
    # Ended from outside, the servers are stopped and their folder is removed all the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # Whatever the libraries configure, what they tell in passing is no result.
    logging.disable(logging.WARNING)
    screen = Console(stderr=True)
    lines: list[Line] = []
    failed: list[str] = []
    with screen.status("starting the servers") as status:
        scale = QUICK if quick else FULL
        if events:
            scale = replace(scale, questions=events)
        for line in measured(tuple(dict.fromkeys(jobs)) or ALL, Session(scale, status.update), failed):
            lines.append(line)
            if as_json:
                report.as_json(line)
    if not as_json:
        report.as_table(lines, Console(width=None if sys.stdout.isatty() else WIDTH))
    for problem in failed:
        screen.print(problem, style="red", highlight=False)
    return 1 if failed else 0


def measured(names: Sequence[Name], session: Session, failed: list[str]) -> Iterator[Line]:
    """The calibration's line, then those of each job; a job that fails is told of and the next one begun."""
    with ExitStack() as stack:
        ground = stack.enter_context(prepared())
        for name in ("calibration", *names):
            session.begin(name)
            try:
                yield from job(name)(ground, session)
            except Exception:  # noqa: BLE001 - whatever goes wrong in one job, the others can still be measured
                traceback.print_exc()
                failed.append(f"{name} failed; its lines are missing.")
        failed.extend(session.problems)


def job(name: str) -> Job:
    module, function = JOBS[name].split(":")
    run: Job = getattr(importlib.import_module(f"benchmarks.jobs.{module}"), function)
    return run


if __name__ == "__main__":
    sys.exit(app())
