"""`everlog audit verify`: everything an organisation's record rests on, read anew and held against each other.

First the log, its proofs and the keys, before the product is opened: opening it settles what the ledger asks for, and
what was put back into the database would be gone before anybody saw it. Then what is folded from the log.
"""

import random
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct, field

from api import bootstrap
from api import settings as configuration
from api.bootstrap import Product
from api.failures import plain
from api.settings import Settings, Unset
from api.shell import operator, within
from api.taught import opened
from application.kernel import Caller
from application.pipeline import Asked
from application.ports import Log
from application.predictions import Recomputed, recompute
from application.proofs import Check, Looked
from domain.kernel import NOBODY, Recorded, Unreadable
from domain.predictions import Made
from domain.proofs import Checked, Fault
from projections.proofs.found import Finding, Findings

UNKNOWN = 2
"""The exit code where it could not be looked at all."""
_BATCH = 1000
_OWN = (
    "The database server runs as the user that the product runs as, and can read the signing key: that nobody who owns "
    "the database has changed the record is not shown. Start as root, or on a database server of another user."
)


class Verdict(Struct, frozen=True):
    tenant: UUID
    sound: bool
    generation: int
    events: int
    sealed: int
    unsealed: int
    """Events behind the last checkpoint: an edit of those cannot be seen."""
    subjects: int
    views: list[str]
    folded: bool
    """Whether the read models were folded anew, or only their digests compared."""
    predictions: int
    """Those that were computed again."""
    findings: list[Finding]
    counts: dict[str, int]
    """How many findings there are of each kind; of many, only the first hundred are listed."""
    notes: list[str] = field(default_factory=list)


def run(tenant: UUID, sample: int | None, *, json: bool) -> int:
    """Say what was found; the exit code. `sample` predictions are computed again, all where it is None."""
    at, began = datetime.now(UTC), monotonic()
    try:
        given = configuration.read()
        notes = [_OWN] if given.shared else []
        settings = configuration.of_running(given)
        verdict = verify(settings, tenant, sample, notes)
    except Exception as problem:  # noqa: BLE001 - whatever it is, nothing was verified, and 1 would say that it was
        words = plain(problem) or (str(problem) if isinstance(problem, bootstrap.UNVERIFIABLE) else None)
        if words is None:
            traceback.print_exc()
            return UNKNOWN
        sys.stderr.write(f"everlog: nothing could be verified: {words}\n")
        return UNKNOWN
    found = checked(verdict, at, monotonic() - began)
    try:
        bootstrap.looks(settings).put(tenant, Looked(at, found.sound))
    except OSError as problem:
        verdict.notes.append(f"That it was looked at is not remembered: {problem.strerror}.")
    if why := note(settings, tenant, found, operator(tenant)):
        verdict.notes.append(f"That it was looked at is not in the trail: {why}")
    sys.stdout.write(msgspec.json.encode(verdict).decode() + "\n" if json else _told(verdict))
    return 0 if verdict.sound else 1


def verify(settings: Settings, tenant: UUID, sample: int | None, notes: list[str], most: int | None = None) -> Verdict:
    """Of a log of more than `most` events no read model is folded anew.

    Where `most` is given, predictions behind a long log are computed again from what their model kept, if anything.

    Raises what `api.failures.plain` tells, and `bootstrap.UNVERIFIABLE`.
    """
    findings = Findings()
    for hole in bootstrap.holes(settings):
        findings.add("wall", f"{hole}")
    read, subjects = bootstrap.reread(settings, tenant, findings)
    if not read.generation and not read.events:
        raise Unset(f"There is no organisation {tenant} here. `everlog tenants list` names those that are.")
    views, again, fold = list[str](), 0, most is None or read.events <= most
    with _product(settings, findings) as products:
        for product in products:
            log = product.logs.of(tenant)
            reserved = bootstrap.reserved(product, tenant)
            made = _open(log, sample, findings, reserved.take)
            reserved.end(findings)
            views = bootstrap.held(product, tenant, findings, fold=fold)
            computed = _whole(log) if most is None else partial(bootstrap.again, product, tenant)
            again = _predictions(made, computed, findings, notes)
    return Verdict(
        tenant=tenant,
        sound=not findings.kept,
        generation=read.generation,
        events=read.events,
        sealed=read.sealed,
        unsealed=read.events - read.sealed,
        subjects=subjects,
        views=views,
        folded=fold,
        predictions=again,
        findings=findings.kept,
        counts=dict(findings.counts),
        notes=notes,
    )


def checked(verdict: Verdict, at: datetime, seconds: float) -> Checked:
    """What is recorded of it."""
    first = {each.kind: each for each in reversed(verdict.findings)}
    return Checked(
        at=at,
        seconds=round(seconds, 3),
        sound=verdict.sound,
        generation=verdict.generation,
        events=verdict.events,
        sealed=verdict.sealed,
        subjects=verdict.subjects,
        views=tuple(verdict.views),
        folded=verdict.folded,
        predictions=verdict.predictions,
        faults=tuple(
            Fault(kind, count, first[kind].position, first[kind].view) for kind, count in verdict.counts.items()
        ),
    )


def note(settings: Settings, tenant: UUID, found: Checked, caller: Caller) -> str:
    """Record it in the tenant's own log; why that could not be, or nothing."""
    try:
        within(settings, lambda it: it.pipeline.run(caller, Asked(Check(found=found), tenant)))
    except Exception as problem:  # noqa: BLE001 - whatever it is, what was found is told all the same
        return plain(problem) or type(problem).__name__
    return ""


@contextmanager
def _product(settings: Settings, findings: Findings) -> Iterator[list[Product]]:
    """The product; none where it refuses to work on this database, which is a finding."""
    opening = bootstrap.product(settings, worker=True)
    try:
        product = opening.__enter__()
    except bootstrap.REFUSING as problem:
        findings.add("refused", f"{problem}")
        yield []
        return
    try:
        yield [product]
    finally:
        opening.__exit__(None, None, None)


def _open(
    log: Log, sample: int | None, findings: Findings, take: Callable[[Recorded, Any], None]
) -> list[tuple[int, Made]]:
    """Open every event, and hand each on; with their positions a sample of predictions, which nobody can foretell."""
    kept, seen, chance = list[tuple[int, Made]](), 0, random.SystemRandom()
    for recorded in _events(log):
        fact = _opened(log, recorded, findings)
        if fact is not None:
            take(recorded, fact)
        if isinstance(fact, Made):
            seen += 1
            if sample is None or len(kept) < sample:
                kept.append((recorded.position, fact))
            elif (place := chance.randrange(seen)) < sample:
                kept[place] = recorded.position, fact
    return sorted(kept, key=lambda each: each[0])


def _events(log: Log) -> Iterator[Recorded]:
    after = 0
    while batch := log.read(after, _BATCH):
        yield from batch
        after = batch[-1].position


def _opened(log: Log, recorded: Recorded, findings: Findings) -> Any:
    if isinstance(recorded.fact, Unreadable):
        findings.add("unreadable", f"{recorded.type}: {recorded.fact.why}.", recorded.position)
        return None
    if recorded.meta == NOBODY:
        findings.add("unreadable", f"{recorded.type}: its metadata cannot be read.", recorded.position)
    try:
        log.open(recorded.meta)
        return log.open(recorded.fact)
    except bootstrap.UNOPENED as problem:
        findings.add("sealed", f"What is sealed in it cannot be opened: {problem}", recorded.position)
        return None


def _whole(log: Log) -> Callable[[Made], Recomputed | None]:
    return lambda made: recompute(made, opened(log, made.position), bootstrap.learner())


def _predictions(
    made: list[tuple[int, Made]], again: Callable[[Made], Recomputed | None], findings: Findings, notes: list[str]
) -> int:
    """How many came out, or could be told wrong."""
    found = [(position, told) for position, each in made if (told := again(each))]
    others = sum(told.verdict == "other-build" and told.differing != ("build",) for _, told in found)
    for position, told in found:
        if told.verdict == "differs":
            findings.add("prediction", f"Computed again it differs: {', '.join(told.differing)}.", position)
    if others:
        notes.append(f"{others} predictions were made by another build of the program and do not come out by this one.")
    return len(found) - others


def _told(verdict: Verdict) -> str:
    words = (
        f"{verdict.events} events, {verdict.sealed} of them sealed; {verdict.subjects} subjects, {len(verdict.views)} "
        f"read models, {verdict.predictions} predictions computed again."
    )
    lines = [words]
    if verdict.unsealed:
        lines.append(f"The last {verdict.unsealed} are not sealed yet: an edit of those could not be seen.")
    for each in verdict.findings:
        place = f"position {each.position}" if each.position else " ".join(filter(None, (each.view, each.row)))
        place += f" to {each.until}" if each.until and each.until != each.position else ""
        lines.append(f"{each.kind:<10} {place}: {each.why}")
    lines += [f"{kind}: {count} in all." for kind, count in verdict.counts.items() if count > 1]
    lines += verdict.notes
    lines.append("Sound: complete and unaltered." if verdict.sound else "NOT sound.")
    return "\n".join(lines) + "\n"
