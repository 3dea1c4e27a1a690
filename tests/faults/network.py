"""The wires to the database and to NATS are cut, swallow what is sent one way or both, or are slow; callers go on."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from msgspec import Struct

from adapters.postgres.database import Database
from tenants.context import SYSTEM
from tests.faults.aftermath import aftermath, head, recorded, settled, signalled
from tests.faults.callers import Answer, Caller, calling, together
from tests.faults.ground import Wired, wired
from tests.faults.onlookers import onlookers
from tests.faults.proxy import Mode, Proxy
from tests.faults.trial import Found, Trial

WELL = 30.0
"""Seconds after the harm within which nothing is behind."""


class Scale(NamedTuple):
    """Seconds."""

    harm: float = 8.0
    """That each harm lasts: longer than the limit, so that a caller who is not answered is seen."""
    limit: float = 5.0
    """Within which everybody is answered."""
    control: float = 5.0
    """The limit that the control is held to."""


_FULL = Scale()


class Harm(NamedTuple):
    """`lost`: what was under way never arrives, also when the wire is whole again, and nobody is told."""

    wires: tuple[str, ...]
    mode: Mode
    lost: bool = False

    def __str__(self) -> str:
        return f"{' and '.join(self.wires)} {'lost' if self.lost else self.mode}"


HARMS = (
    Harm(("database",), "cut"),
    Harm(("database",), "hole"),
    Harm(("broker",), "cut"),
    Harm(("broker",), "hole"),
    Harm(("database", "broker"), "cut"),
    Harm(("database", "broker"), "hole"),
    Harm(("database", "broker"), "slow"),
    Harm(("database",), "hole", lost=True),
    Harm(("broker",), "hole", lost=True),
    Harm(("database",), "deaf"),
    Harm(("broker",), "deaf"),
    Harm(("database", "broker"), "hole", lost=True),
    Harm(("database",), "mute"),
    Harm(("broker",), "mute"),
    Harm(("database",), "jitter"),
)


class Measured(Struct):
    """What came of one harm."""

    violations: list[str]
    slowest: float
    """Seconds of the answer that took longest while it lasted, from when it was asked for or the harm began."""
    under_way: int
    """Requests that had been sent when the harm began, and were judged with the others."""
    after: float
    """Seconds until all was well again."""


def run(trial: Trial) -> Found:
    return endure(trial, [HARMS[number % len(HARMS)] for number in range(trial.cycles)])


def endure(trial: Trial, harms: Sequence[Harm], scale: Scale = _FULL) -> Found:
    found = Found()
    with wired(trial.home, trial.seed, EVERLOG_REQUESTS_PER_MINUTE="60000") as ground:
        of = ground.organisation()
        callers = [Caller(of, writes=number < 2) for number in range(3)]
        with onlookers(lambda: ground.direct, [(of.url, of.tenant, of.key)]) as eyes:
            with calling(callers):
                _until_done(callers, time.monotonic())
                measured = {f"{n} {harm}": _suffer(ground, callers, harm, scale) for n, harm in enumerate(harms, 1)}
            recorded(ground.direct)
            settled(ground.direct, of.tenant, signalled(ground.direct, of.tenant), time.monotonic())
            eyes.arrive(ground.servers.addresses.nats)
        found.control_red = waits_for_ever(ground, scale.control)
        settings = ground.direct
        ground.product.stop()
        stands = aftermath(settings, of.tenant)
    ledger = together(callers)
    found.add(eyes.judge([ledger], [stands], whole=False))
    found.control_red &= not eyes.missed(ledger, stands)
    for name, each in measured.items():
        found.violations += [f"{name}: {what}" for what in each.violations]
        found.notes[name] = (
            f"slowest answer {each.slowest:.1f} s, {each.under_way} under way, well again after {each.after:.1f} s"
        )
    return found


def _suffer(ground: Wired, callers: Sequence[Caller], harm: Harm, scale: Scale) -> Measured:
    with broken(ground, harm):
        began = time.monotonic()
        time.sleep(scale.harm)
        ended = time.monotonic()
    _until_done(callers, time.monotonic())
    tenant = callers[0].tenant
    lag = settled(ground.direct, tenant, 0, time.monotonic(), head(ground.direct, tenant))
    after = time.monotonic() - ended
    found = [each for caller in callers for each in tuple(caller.answers)]
    within = touched(found, (began, ended))
    violations = wrong(within, harm, (began, ended), scale.limit)
    if after > WELL:
        violations.append(f"all was well only after {after:.1f} s, {lag:.1f} of them for views and stream")
    slowest = max((waited(each, began) for each in within), default=0)
    return Measured(violations, slowest, sum(each.began < began for each in within), after)


@contextmanager
def broken(ground: Wired, harm: Harm) -> Iterator[None]:
    wires = [_wire(ground, name) for name in harm.wires]
    for wire in wires:
        wire.turn(harm.mode)
    try:
        yield
    finally:
        for wire in wires:
            wire.turn("open", lost=harm.lost)


def wrong(answers: Sequence[Answer], harm: Harm, lasted: tuple[float, float], limit: float) -> list[str]:
    """What is wrong with the answers to what was asked or under way while a harm lasted; nothing, where all is well."""
    began, ended = lasted
    away = "database" in harm.wires and harm.mode not in ("slow", "jitter")
    late = [(waited(each, began), each.code or each.status) for each in answers]
    found = [f"answered after {seconds:.1f} s: {what}" for seconds, what in late if seconds > limit]
    for each in answers:
        # What the database had answered already when it went away is done, and told.
        if each.done and not (away and began < each.began and each.ended < ended):
            continue
        if away and (each.status, each.code) == (503, "service.unavailable"):
            if each.media != "application/problem+json" or not each.retry.isdecimal() or int(each.retry) < 1:
                found.append(f"a problem without {'its type' if each.retry else 'Retry-After'}")
            continue
        found.append(f"answered with {each.status} {each.code}")
    if not answers or (away and all(each.done for each in answers)):
        found.append("the harm did no harm")
    if not away and not any(each.done and each.writes and each.ended < ended for each in answers):
        found.append("nothing was appended meanwhile")
    return list(dict.fromkeys(found))


def touched(answers: Sequence[Answer], lasted: tuple[float, float]) -> list[Answer]:
    """Those to what was asked while a harm lasted, and to what was under way when it began."""
    began, ended = lasted
    return [each for each in answers if each.ended > began and each.began < ended]


def waited(answer: Answer, began: float) -> float:
    """Seconds for which its caller had to wait since the harm began: what was under way by then is not its doing."""
    return answer.ended - max(answer.began, began)


def _until_done(callers: Sequence[Caller], since: float) -> None:
    """Wait until each caller has had what it asked for since then."""
    until = time.monotonic() + 120
    while not all(any(each.done and each.began > since for each in caller.answers[-50:]) for caller in callers):
        assert time.monotonic() < until, [caller.answers[-1] for caller in callers]
        time.sleep(0.05)


def waits_for_ever(ground: Wired, limit: float) -> bool:
    """The control: whoever has no limit of their own still waits in the hole past this one, and is found to be late."""
    harm = Harm(("database",), "hole")
    answers: list[Answer] = []

    def ask(database: Database) -> None:
        began = time.monotonic()
        database.query(SYSTEM, "select 1")
        answers.append(Answer(began, time.monotonic() - began, writes=False, status=200))

    url = ground.product.environment["EVERLOG_DATABASE_URL"]
    with Database(url, size=1, patience=600) as database:
        database.query(SYSTEM, "select 1")
        thread = threading.Thread(target=ask, args=(database,))
        with broken(ground, harm):
            thread.start()
            time.sleep(limit + 0.5)
        thread.join()
    return any("answered after" in each for each in wrong(answers, harm, (answers[0].began,) * 2, limit))


def _wire(ground: Wired, name: str) -> Proxy:
    return ground.database if name == "database" else ground.broker
