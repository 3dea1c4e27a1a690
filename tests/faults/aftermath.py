"""What stands when everything has been killed: the log, what commits with it, views beside a rebuild, and JetStream."""

import asyncio
import time
from contextlib import ExitStack, suppress
from typing import Any
from uuid import UUID

import nats
import psycopg
from msgspec import Struct

from adapters.journal.segment import SUFFIX
from adapters.ledger import Ledger
from adapters.nats import message, subjects
from adapters.nats.consume import Order
from adapters.nats.link import Away
from adapters.nats.streams import reach
from adapters.postgres.recorder import Recorder
from adapters.postgres.tables import tables
from adapters.postgres.views import Views
from api import bootstrap
from api.bootstrap import MODELS, Product
from api.settings import Settings
from domain.kernel import Recorded
from projections.builds import Build, builds
from projections.proofs.found import Findings
from projections.runner import Runner
from tests.faults.sidelines import Beside, beside
from tests.waiting import until

WITHIN = 30.0
"""Seconds after the last fault and the last append in which nothing may be behind any more."""
CALM = 120.0
"""Seconds to wait for it all the same, so that the rest can be judged."""


_HEAD = """
    select h.position, (select coalesce(max(s.size), 0) from everlog.seals s
        where s.tenant_id = h.tenant_id and s.generation = h.generation)
    from everlog.heads h where h.tenant_id = %s"""

Carried = list[tuple[int, str]]
"""(position, digest) of each message that JetStream holds of a tenant, in its order, repeats among them."""


def settled(
    settings: Settings, tenant: UUID, captures: int, since: float, upto: int | None = None, *, sealed: bool = False
) -> float:
    """Seconds until everything is predicted, no view is behind and JetStream holds the whole log.

    They count from `since`, by the monotonic clock: when the last fault was over and the last command acknowledged.
    Of several tenants it is the same for all, since they are waited for one after another. Where clients go on, `upto`
    is the position that is to be reached: the log is never at rest then. `sealed`: a checkpoint covers it too.
    """
    while True:
        try:
            behind = _behind(settings, tenant, captures, upto, sealed=sealed)
        except (psycopg.OperationalError, nats.errors.Error, OSError, Away) as problem:
            behind = f"{problem!r}"
        if not behind:
            return time.monotonic() - since
        assert time.monotonic() - since < CALM, behind
        time.sleep(0.2)


def late(seconds: float) -> list[str]:
    """The judgement of how long it took."""
    return [f"all was well again only after {seconds:.1f} s"] if seconds > WITHIN else []


def _behind(settings: Settings, tenant: UUID, captures: int, upto: int | None, *, sealed: bool) -> str:
    with psycopg.connect(settings.worker) as connection:
        connection.execute("select set_config('app.tenant', %s, false)", [str(tenant)])
        [(head, size)] = connection.execute(_HEAD, [tenant])
        of_tenant = "from everlog.{} where tenant_id = %s".format
        made = "select count(*) " + of_tenant("events") + " and type = 'predictions.made'"
        [(made,)] = connection.execute(made, [tenant])
        views: dict[str, int] = dict(
            connection.execute("select view, position " + of_tenant("checkpoints"), [tenant]).fetchall()
        )
    carried = asyncio.run(last(settings.nats, tenant))
    places = {*views.values(), carried, *([size] if sealed else [])}
    if made >= captures and (places == {head} if upto is None else min(places) >= upto):
        return ""
    return f"{made} of {captures} predicted, head {head}, views {views}, carried {carried}, sealed {size}"


def unproven(settings: Settings, tenant: UUID) -> list[str]:
    """What is wrong with the checkpoints of a log, read anew with it as `audit verify` does; all of it is sealed."""
    findings = Findings()
    read, _ = bootstrap.reread(settings, tenant, findings)
    wrong = [f"{each.kind} at {each.position}: {each.why}" for each in findings.kept]
    return wrong + ([f"only {read.sealed} of {read.events} events are sealed"] if read.sealed < read.events else [])


async def last(url: str, tenant: UUID) -> int:
    """The position of a tenant's last event in JetStream; 0 where there is none."""
    client = await reach(url)
    try:
        found = await client.jetstream().get_last_msg(subjects.STREAM, subjects.events(tenant))
        return int((found.headers or {})["Everlog-Position"])
    except nats.js.errors.NotFoundError:
        return 0
    finally:
        await client.close()


def head(settings: Settings, tenant: UUID) -> int:
    """The last position of a tenant's log."""
    with psycopg.connect(settings.worker) as connection:
        connection.execute("select set_config('app.tenant', %s, false)", [str(tenant)])
        [(position,)] = connection.execute("select position from everlog.heads where tenant_id = %s", [tenant])
    return int(position)


def recorded(settings: Settings) -> None:
    """Return when all that was read stands in the logs: the journal brings it there a moment after it was answered."""
    until(lambda: not any(settings.journal.glob(f"*{SUFFIX}")), CALM)


def signalled(settings: Settings, tenant: UUID) -> int:
    """How many prospects the log has a signal about."""
    with psycopg.connect(settings.worker) as connection:
        connection.execute("select set_config('app.tenant', %s, false)", [str(tenant)])
        sql = "select count(distinct stream) from everlog.events where tenant_id = %s and type = %s"
        [(count,)] = connection.execute(sql, [tenant, "prospects.signal-observed"])
    return int(count)


async def carried(url: str, tenant: UUID) -> Carried:
    """Raises `adapters.nats.consume.Gap` where an event is missing."""
    client = await reach(url)
    order, found = Order({}), Carried()
    try:
        consumer = await client.jetstream().pull_subscribe(subjects.events(tenant), stream=subjects.STREAM)
        with suppress(TimeoutError):
            while True:
                for each in await consumer.fetch(500, timeout=1):
                    event = message.read(tenant, each.headers or {}, each.data)
                    await each.ack()
                    order.admit(event)
                    found.append((event.position, event.digest))
    finally:
        await client.close()
    return found


class Aftermath(Struct):
    log: list[Recorded]
    digests: list[tuple[int, str]]
    """(position, digest) of each event of the log, as the relay computes it."""
    differing: dict[str, list[Any]]
    """By view: the rows in which the live copy and the rebuilt one differ; `sums` where an aggregate does."""
    parked: int
    beside: Beside
    """What was committed together with the log's events."""


def aftermath(settings: Settings, tenant: UUID) -> Aftermath:
    """Read and rebuilt by this process, with nothing of the product running."""
    with ExitStack() as stack:
        where = bootstrap.embedded(settings, stack)[0] if settings.embedded else settings
        return standing(where, tenant)


def standing(where: Settings, tenant: UUID) -> Aftermath:
    """The same, where servers run already."""
    with bootstrap.product(where, worker=True) as product:
        log = product.logs.of(tenant)
        whole = [each for start in range(0, log.head()[1], 1000) for each in log.read(start, 1000)]
        raws = Recorder(tenant, product.database, product.committer).rows(0, len(whole) + 1)
        digests = [(raw[0], message.digest(message.Event(*raw))) for raw in raws]
        committed = beside(product.logs, product.database, tenant, whole, Ledger(where.keys))
        return Aftermath(whole, digests, *rebuilt(product, tenant), committed)


def rebuilt(product: Product, tenant: UUID) -> tuple[dict[str, list[Any]], int]:
    """By view, the rows in which it differs from what the log comes to; and how many events are parked."""
    views = Views(tenant, product.database, product.logs.of(tenant))
    runner = Runner(product.logs.of(tenant), views, MODELS)
    runner.catch_up()
    hidden = {each.view.name for each in builds(MODELS)} - {each.view.name for each in live(views)}
    if hidden:
        return {view: ["no copy of it was fit to be shown"] for view in hidden}, len(views.parked())
    before = {each.name: (_sums(product, tenant, each), _digest(views, each)) for each in live(views)}
    for each in builds(MODELS):
        runner.rebuild(each.view.name)
    runner.catch_up()
    differing: dict[str, list[Any]] = {each.view.name: list(runner.found(each.view.name)) for each in builds(MODELS)}
    after = {each.name: (_sums(product, tenant, each), _digest(views, each)) for each in live(views)}
    for build in builds(MODELS):
        first, second = (
            next(state for name, state in states.items() if name[:-1] == build.name[:-1]) for states in (before, after)
        )
        if first != second:
            differing[build.view.name].append("sums or digest")
    if {name[:-1] for name in before} != {name[:-1] for name in after} or before.keys() & after.keys():
        differing["pointers"] = ["a rebuilt view was not taken"]
    return {view: found for view, found in differing.items() if found}, len(views.parked())


def live(views: Views) -> list[Build]:
    """The copies that readers are shown: a view that was found to be other than what was folded has none."""
    slots = views.live()
    known = [(each, slots.get((each.view.name, each.view.version))) for each in builds(MODELS)]
    return [Build(each.view, each.aggregates, slot) for each, slot in known if slot]


def _digest(views: Views, build: Build) -> bytes:
    place = (build.view.name, build.view.version, build.slot)
    return next(each.digest for each in views.checkpoints() if (each.view, each.version, each.slot) == place)


def _sums(product: Product, tenant: UUID, build: Build) -> list[Any]:
    """The rows of a build's aggregates, where those that came to nothing are as if they were not, and its words."""
    found: list[Any] = []
    for table in tables(build)[1:]:
        some = " and change <> 0" if "change" in table.c else ""
        sql = f"select * from everlog.{table.name} where tenant_id = %s{some}"
        found += sorted(product.database.query(tenant, sql, [tenant]), key=repr)
    return found
