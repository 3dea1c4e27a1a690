"""Whether a prediction was made by the model that it claims: asked over HTTP, of a model that learned from a long log.

The demo's applications come again and again under other identifiers, each captured, observed, predicted by a worker and
decided, so that every fourth event is a prediction. What is asked for is any of them.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from random import Random
from uuid import UUID, uuid4

import httpx2
import psycopg

from api import settings
from application.ports import Log
from benchmarks import grants, load
from benchmarks.ground import Ground
from benchmarks.history import Step
from benchmarks.jobs.questions import TARGET, organisation
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.product import Product, opened
from benchmarks.serving import HOST, serving
from domain.prospects import Captured, Lost, SignalObserved, Won

EACH = 4
"""Events of one prospect, its prediction among them."""
ASKED = 40
"""Predictions that are asked for in a turn."""
READY = "/readyz"
PATIENCE = 3600.0


def run(ground: Ground, session: Session) -> Iterator[Line]:
    with opened(ground) as product:
        tenant, authorization = organisation(product)
        environment = settings.environment(product.settings)
        prospects = session.scale.questions[0] // EACH
        with _learning(environment):
            session.say(f"recording {prospects:,} prospects")
            for wave in _waves(prospects):
                _record(product.app.logs.of(tenant), wave)
            made = _predicted(product, tenant, prospects, session)
        product.settle()
        port = product.settings.port
        with (
            serving(["api.main", "api"], port, environment, READY, authorization),
            httpx2.Client(base_url=f"http://{HOST}:{port}", headers=authorization, timeout=120) as client,
        ):
            dice = Random(7)
            _asked(client, made[-1])
            rounds = session.play(
                {OURS: lambda: _turn(client, dice.sample(made, ASKED)), "target": lambda: {"p95": TARGET}}
            )
        events = product.app.logs.of(tenant).head()[1]
    versus = Versus(
        against="target",
        kind="limit",
        case=f"7 was this prediction made by the model that it claims: {events:,} events in the organisation, p95",
        measure="p95",
        unit="ms",
        aim=1,
        note=f"any of {prospects:,} predictions, each made again bit for bit from the state kept before it",
    )
    yield from session.compared(rounds, versus)


@contextmanager
def _learning(environment: dict[str, str]) -> Iterator[None]:
    """The learning half of a worker, in a process of its own."""
    command = [sys.executable, "-m", "api.main", "worker", "learning"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env={**os.environ, **environment}, **quiet) as process:  # type: ignore[call-overload] # the stub wants each by name
        try:
            yield
        finally:
            process.terminate()


def _waves(prospects: int) -> Iterator[list[Step]]:
    """As many newcomers at a time as there are captures between a prospect and its horizon, the ones before decided."""
    known, before = iter(enumerate(cycle(grants.applications()))), list[tuple[str, bool]]()
    for start in range(0, prospects, grants.LAG):
        wave: list[Step] = [
            (stream, 2, [Won("new", 1, "EUR") if won else Lost("new", "declined")]) for stream, won in before
        ]
        before = []
        for number, each in islice(known, min(grants.LAG, prospects - start)):
            stream, attributes = f"prospects/{uuid4()}", tuple(sorted(each.attributes.items()))
            person = Captured(f"Person {number}", f"person{number}@example.org", "", attributes)
            wave.append((stream, 0, [person, SignalObserved("application", 1.0, each.codes)]))
            before.append((stream, each.won))
        yield wave


def _record(log: Log, wave: Sequence[Step]) -> None:
    for pending in [log.submit(stream, version, facts, load.meta()) for stream, version, facts in wave]:
        pending.result()


def _predicted(product: Product, tenant: UUID, prospects: int, session: Session) -> list[UUID]:
    """The predictions, once there is one of each prospect. Raises `TimeoutError`."""
    sql = b"select right(stream, 36)::uuid from everlog.events where tenant_id = %s and type = 'predictions.made'"
    until = time.monotonic() + PATIENCE
    with psycopg.connect(product.superuser, autocommit=True) as connection:
        while True:
            made = [id for (id,) in connection.execute(sql, [tenant])]
            if len(made) == prospects:
                return made
            if time.monotonic() > until:
                raise TimeoutError("the model did not catch up")
            session.say(f"{len(made):,} of {prospects:,} predicted")
            time.sleep(5)


def _turn(client: httpx2.Client, made: Sequence[UUID]) -> Figures:
    taken = sorted(_asked(client, each) for each in made)
    return {"p95": 1000 * taken[int(0.95 * len(taken))]}


def _asked(client: httpx2.Client, id: UUID) -> float:
    """Seconds. Raises where the prediction did not come out again from what was kept."""
    began = time.perf_counter()
    answer = client.get(f"/v1/predictions/{id}/recomputation")
    seconds = time.perf_counter() - began
    assert answer.status_code == httpx2.codes.OK, answer.text
    found = answer.json()
    assert (found["verdict"], found["stood"] is None) == ("equal", False), found
    return seconds
