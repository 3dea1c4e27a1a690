"""Made-up logs: what happens to prospects, in any order that a random generator likes, personal values sealed."""

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import msgspec
from msgspec.structs import replace

from domain.kernel import Actor, Circumstances, Fact, Meta, Recorded, Sealed
from domain.predictions import Made, Promoted, Reason, Refitted, Standing
from domain.prospects import Captured, Lost, Noted, SignalObserved, StageMoved, Won
from projections.builds import Tail

START = datetime(2026, 1, 1, 22, tzinfo=UTC)
STAGES = ("new", "met", "offer")
INDUSTRIES = ("engines", "looms", "")


def story(count: int, seed: int = 0, *, prospects: int = 0, predicted: float = 0.0) -> list[Recorded]:
    """So many events about prospects, three for each unless told how many there are; a share of them predictions."""
    random = Random(seed)
    ids = [_id(random) for _ in range(prospects or max(1, count // 3))]
    actors = [Actor("user", _id(random)) for _ in range(3)]
    versions: dict[UUID, int] = {}
    events = []
    for position in range(1, count + 1):
        id = ids[min(len(versions), len(ids) - 1)] if random.random() < 0.4 else random.choice([*versions] or ids[:1])
        capability = "prospects"
        if predicted and versions and random.random() < predicted:
            fact, id = _said(random, position, random.choice([*versions])), _id(random)
            capability, version = "predictions", 1
        else:
            versions[id] = version = versions.get(id, 0) + 1
            fact = _captured(random, id) if version == 1 else _later(random, id)
        meta = Meta(
            event=_id(random),
            actor=random.choice(actors),
            permission="prospects.capture" if version == 1 else "prospects.observe",
            rule="role:Member",
            circumstances=Circumstances(ip=f"10.0.0.{random.randrange(4)}"),
        )
        at = START + timedelta(minutes=position * 7)
        event = Recorded(position, f"{capability}/{id}", version, at, meta, fact, str(fact.__struct_config__.tag))
        events.append(_sealed(event, getattr(fact, "prospect", id)))
    return events


def _id(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128), version=4)


def _said(random: Random, position: int, prospect: UUID) -> Fact:
    """A prediction, or a milestone of the model's."""
    if random.random() < 0.2:
        standings = (Standing("pair", 0.5, position),)
        fitted = Refitted("conversion", position, "boosting", position - 1, position, 7, "d", "b")
        return random.choice([fitted, Promoted("conversion", position, position, "online", "pair", standings)])
    chance = random.choice((0.25, 0.5, 1.0))
    return Made(
        model="conversion",
        number=position,
        prospect=prospect,
        position=position - 1,
        learned=3,
        champion="online",
        refits=(),
        probability=chance,
        likely=random.choice((("won",), ("won", "lost"))),
        candidates=(("online", chance),),
        digest="digest",
        build="build",
        reasons=(Reason("size", 1.5, chance),),
    )


def _captured(random: Random, id: UUID) -> Captured:
    return Captured(f"N{id}", f"{id}@example.org", random.choice(INDUSTRIES), (("size", random.random()),))


def _later(random: Random, id: UUID):
    stage = random.choice(STAGES)
    return random.choice(
        [
            SignalObserved("visit", 0.5, ("a", "b")),
            SignalObserved("mail", 1),
            StageMoved("new", stage),
            Noted("met them"),
            Won(stage, random.randrange(10**6), "EUR"),
            Lost(stage, "too dear"),
        ]
    )


def _sealed(event: Recorded, subject: UUID) -> Recorded:
    """With a fact whose personal values are boxed in the clear, which `Clear` opens."""
    fact = event.fact
    boxed = {
        name: box(event, subject, name, getattr(fact, name))
        for name in ("name", "email", "attributes", "codes", "reason", "text", "reasons")
        if hasattr(fact, name)
    }
    circumstances = box(event, event.meta.actor.id, "meta.circumstances", event.meta.circumstances)
    return replace(event, fact=replace(fact, **boxed), told=replace(event.meta, circumstances=circumstances))


def box(event: Recorded, subject: UUID, field: str, value: object) -> Sealed:
    return Sealed(subject, f"{event.stream}@{event.version}#{field}", msgspec.json.encode(value))


class Clear:
    """Opens what `box` sealed, and gives tokens that can be read."""

    def open(self, value):
        if isinstance(value, tuple):
            return tuple(map(self.open, value))
        if not isinstance(value, Sealed):
            return value
        opened = msgspec.json.decode(value.box)
        return msgspec.convert(opened, Circumstances) if value.binding.endswith("#meta.circumstances") else opened

    def token(self, scope, value):
        return f"{scope}={value.lower()}".encode()


class Told(Tail):
    """A log of events made up before, as far as they are told."""

    def __init__(self, tenant: UUID, events: list[Recorded], told: int | None = None, generation: int = 1) -> None:
        self.tenant = tenant
        self.events = events
        self.told = len(events) if told is None else told
        self.generation = generation

    def read(self, after, limit=1000, upto=None):
        return self.events[after : min(after + limit, self.told, self.told if upto is None else upto)]

    def head(self):
        return self.generation, self.told
