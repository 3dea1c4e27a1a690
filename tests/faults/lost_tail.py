"""Those who stand in a log's tail when it is lost, and whether each of them ends up with the log that there is."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any
from uuid import UUID

import httpx2
import msgspec
import nats
from msgspec import Struct, field
from msgspec.structs import replace

from adapters.erasures import Erasures
from adapters.ledger import Ledger as Remembered
from adapters.nats import message, subjects, whole
from adapters.nats.consume import Gap, Order
from adapters.nats.message import Carried, Event
from adapters.nats.whole import Hole
from adapters.postgres.database import Database
from adapters.postgres.recorder import Recorder
from api import bootstrap
from api import settings as configuration
from api.demo.applications import applications, commands
from api.demo.client import Client
from domain.kernel import Recorded
from tests.faults import onlookers
from tests.faults.aftermath import CALM, Aftermath, aftermath, head, recorded, settled
from tests.faults.evidence import Ledger
from tests.faults.kills import organisation
from tests.faults.trial import Found
from tests.served import Served
from tests.waiting import until

Fact = tuple[int, int, str]
"""Generation, position, type."""


def some(tenant: UUID, first: int, last: int) -> Iterator[dict[str, Any]]:
    """Capture and signal of these applications; fewer than a hundred, so that none is decided."""
    return islice(commands(tenant, applications()), 2 * first, 2 * last)


def send(client: Client, ledger: Ledger, wanted: Iterable[dict[str, Any]]) -> None:
    for bulk, outcomes in client.acknowledged((ledger.attempt(each) for each in wanted), 40):
        ledger.acknowledge(bulk, outcomes)


class Stream(Struct):
    """A client of the live stream: what it holds after each reset, and where it stands."""

    cursor: str = "1:0"
    held: list[Fact] = field(default_factory=list)
    resets: int = 0

    def read(self, client: Client) -> None:
        parameters = {"after": self.cursor, "follow": "false"}
        text = client.ask("GET", "/v1/events/stream", params=parameters).text
        for each in text.split("\n\n"):
            lines = dict(line.partition(": ")[::2] for line in each.splitlines())
            self.cursor = lines.get("id", self.cursor)
            if lines.get("event") == "reset":
                self.held, self.resets = [], self.resets + 1
            elif "data" in lines and "event" not in lines:
                fact = msgspec.json.decode(lines["data"])
                self.held.append((fact["generation"], fact["position"], fact["type"]))


class Consumer(Struct):
    """A consumer of JetStream with its own account: the digests of what it holds, in order."""

    durable: str
    taken: Callable[[Gap], Sequence[Carried]] = lambda _: ()
    """The events of a gap as the log has them, where they were taken out of the stream on purpose; none where not."""
    order: Order = field(default_factory=lambda: Order({}))
    held: list[tuple[int, str]] = field(default_factory=list)
    received: list[Carried] = field(default_factory=list)
    gaps: int = 0

    async def read(self, url: str, tenant: UUID) -> None:
        client = await nats.connect(url)
        try:
            consumer = await client.jetstream().pull_subscribe(
                subjects.events(tenant), durable=self.durable, stream=subjects.STREAM
            )
            with suppress(TimeoutError):
                while True:
                    for each in await consumer.fetch(500, timeout=1):
                        self.take(message.read(tenant, each.headers or {}, each.data))
                        await each.ack()
        finally:
            await client.close()

    def take(self, event: Carried) -> None:
        self.received.append(event)
        try:
            self._hold(event)
        except Gap as gap:
            if not (taken := self.taken(gap)):
                self.gaps += 1
                return
            for each in (*taken, event):
                self._hold(each)

    def _hold(self, event: Carried) -> None:
        """Raises `Gap`."""
        if self.order.admit(event):
            # Of a new generation: what is held beyond it never happened.
            self.held = [each for each in self.held if each[0] < event.position]
            self.held.append((event.position, event.digest))

    def blind(self) -> "Consumer":
        """The same messages, taken by one who knows of no generations."""
        other = Consumer("blind")
        for each in self.received:
            other.take(replace(each, generation=1))
        return other


class Tokens(Struct, frozen=True):
    """What a client was given in the tail."""

    position: str
    etag: str
    cursor: str
    prospect: UUID


def tokens(client: Client, prospect: UUID) -> Tokens:
    found = client.ask("GET", f"/v1/prospects/{prospect}", headers={"Everlog-Min-Position": client.position})
    page = client.ask("GET", "/v1/prospects", params={"limit": 2}).json()
    return Tokens(client.position, found.headers["ETag"], page["cursor"], prospect)


def stale(client: Client, given: Tokens, url: str) -> list[str]:
    """What is wrong with the answers to tokens of the lost tail."""
    bearer = {"Authorization": f"Bearer {client.key}"}
    path = f"/v1/prospects/{given.prospect}"
    with httpx2.Client(base_url=url, headers=bearer, timeout=60) as http:
        asked = {
            "a position of the lost tail": (
                http.get(path, headers={"Everlog-Min-Position": given.position}),
                (422, "query.position"),
            ),
            "an ETag of the earlier generation": (
                http.post(f"{path}/stage", headers={"If-Match": given.etag.removesuffix('-p"').rstrip('"') + '"'},
                          json={"stage": "met"}),
                (412, "precondition.failed"),
            ),
            "a cursor of the earlier generation": (
                http.get("/v1/prospects", params={"limit": 2, "cursor": given.cursor}),
                (422, "query.cursor"),
            ),
        }  # fmt: skip
    return [
        f"{what} was answered {answer.status_code} {answer.text[:80]}"
        for what, (answer, wanted) in asked.items()
        if (answer.status_code, answer.json().get("code")) != wanted
    ]


def compared(stream: Stream, consumer: Consumer, after: Aftermath, until: int) -> Found:
    """Whether both hold the log that there is up to a position, each event once.

    The control: those who go by numbers alone do not.
    """
    found = Found()
    digests = after.digests[:until]
    followed = [each for each in stream.held if each[1] <= until]
    received = [each for each in consumer.held if each[0] <= until]
    for who, held, all_of_it in (
        ("the stream", followed, visible(after.log[:until])),
        ("the consumer", received, digests),
    ):
        found.skipped += len(set(all_of_it) - set(held))
        found.duplicated += len(held) - len(set(held))
        if held != all_of_it:
            found.violations.append(f"{who} ends up with {len(held)} events, which are not the log's {len(all_of_it)}")
    if consumer.gaps or stream.resets != 1:
        found.violations.append(f"{consumer.gaps} gaps, {stream.resets} resets")
    blind = consumer.blind()
    found.control_red = blind.held != digests and bool(set(digests) - set(blind.held))
    return found


def visible(log: Sequence[Recorded]) -> list[Fact]:
    """What an Admin may follow."""
    return [(each.generation, each.position, each.type) for each in log if each.capability != "tenancy"]


class Witnesses:
    """An organisation's client, with all who stand in its log's tail."""

    def __init__(self, product: Served) -> None:
        self.product = product
        self.url, self.tenant, key = organisation(product)
        self.client, self.ledger = Client(self.url, self.tenant, key), Ledger()
        self.stream, self.consumer = Stream(), Consumer("apart", self.taken)
        self.until = 0

    def send(self, first: int, last: int, ledger: Ledger) -> None:
        send(self.client, ledger, some(self.tenant, first, last))

    def read(self) -> None:
        self.stream.read(self.client)
        asyncio.run(self.consumer.read(self.product.settings.nats, self.tenant))

    def taken(self, gap: Gap) -> list[Carried]:
        """What is missing, where all of it is about somebody who was erased; the log has it still, and it is noise."""
        with bootstrap.product(self.product.settings, worker=True) as product:
            source = Recorder(self.tenant, product.database, product.committer)
            missing = [
                each
                for each in map(Event._make, source.rows(0, gap.before - 1))
                if (each.position > gap.after if gap.generation is None else each.generation > gap.generation)
            ]
            holes = [Hole(each.position, each.position) for each in missing]
            if not whole.explained(source, holes, product.erasures.erased(self.tenant)):
                return []
        made = ((message.headers(self.tenant, each), message.payload(each)) for each in missing)
        return [message.read(self.tenant, headers, payload) for headers, payload in made]

    def erase(self, *subjects: UUID) -> None:
        settings = self.product.settings
        with Database(settings.database) as database:
            Erasures(database, Remembered(settings.keys)).erase(self.tenant, subjects)

    def again(self, given: Tokens, erased: UUID, captures: int, first: int, last: int) -> tuple[list[str], float]:
        """Go on in the new generation: what is wrong, and the seconds until all was well."""
        self.client.position = ""
        # The first request of all: erasures are replayed before anybody is served.
        back = not self.client.get(f"/v1/prospects/{erased}")["erased"]
        self.send(first, last, self.ledger)
        since = time.monotonic()
        wrong = stale(self.client, given, self.url)
        if back:
            wrong.append("who was erased in the lost tail is back")
        lag = settled(self.product.settings, self.tenant, captures, since)
        self.calm(captures)
        # What is read now is recorded in its turn, behind what is judged.
        self.until = head(self.product.settings, self.tenant)
        self.read()
        self.calm(captures)
        return wrong, lag

    def calm(self, captures: int) -> None:
        """Wait until all that was read is in the log, and nothing of who was erased again is left to be cleared."""
        recorded(self.product.settings)
        until(lambda: not self._marked(), CALM)
        settled(self.product.settings, self.tenant, captures, time.monotonic())

    def _marked(self) -> int:
        sql = "select count(*) from everlog.subject_keys where tenant_id = %s and epoch = -1"
        with Database(self.product.settings.database) as database:
            [(count,)] = database.query(self.tenant, sql, [self.tenant])
        return int(count)

    def judged(self) -> Found:
        """Everything beside the log that there is, the product being stopped."""
        after = aftermath(configuration.read(self.product.environment), self.tenant)
        found = onlookers.held(self.ledger, after)
        followed = compared(self.stream, self.consumer, after, self.until)
        found.add(followed)
        found.control_red = followed.control_red
        return found
