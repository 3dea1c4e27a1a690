"""What a model is at a position: all that its next prediction depends on."""

from collections.abc import Mapping
from hashlib import sha256
from uuid import UUID

from msgspec import Struct, msgpack

from domain.predictions import Features, Made
from projections.predictions.committee import Committee
from projections.predictions.conformal import Conformal
from projections.predictions.definition import Definition
from projections.predictions.engine import Engine


class Dumped(Struct, frozen=True):
    """A state without its challengers, which change seldom and are kept by themselves."""

    labels: int
    champion: str
    online: Mapping[str, bytes]
    alpha: float
    recent: list[float]


class State:
    def __init__(self, definition: Definition, engine: Engine) -> None:
        self._definition = definition
        self._defined = sha256(msgpack.encode(definition)).digest()
        members = set(definition.members)
        self._online = {name: each for name, each in engine.online().items() if name in members}
        self.build = engine.build()
        self.committee = Committee(definition, self._online)
        self._conformal = Conformal(definition)
        self.champion = definition.champion
        self.labels = 0
        """How many were learned."""

    def learn(self, made: Made, won: bool, champion: str) -> None:  # noqa: FBT001 - a label is a truth value
        """Learn what became of a prediction; `champion` predicts from now on."""
        assert isinstance(made.features, Features)  # noqa: S101 - whoever learns opens what it learns from
        chance, outcome = (made.probability, "won") if won else (1 - made.probability, "lost")
        self._conformal.learn(1 - chance, missed=outcome not in made.likely)
        self.committee.learn(made.features, won)
        self.champion = champion
        self.labels += 1

    def made(self, prospect: UUID, features: Features, number: int, position: int) -> Made:
        said = self.committee.probabilities(features)
        return Made(
            model=self._definition.name,
            number=number,
            prospect=prospect,
            position=position,
            learned=self.labels,
            champion=self.champion,
            refits=self.committee.refits,
            probability=said[self.champion],
            likely=self._conformal.sets(said[self.champion]),
            candidates=tuple(said.items()),
            digest=self.digest(),
            build=self.build,
            reasons=self.committee.reasons(self.champion, features),
            features=features,
        )

    def digest(self) -> str:
        state = (self._defined, self.committee.digest(), self.champion, self._conformal.threshold)
        return sha256(msgpack.encode(state)).hexdigest()

    def dump(self) -> bytes:
        online = {name: each.dump() for name, each in self._online.items()}
        return msgpack.encode(Dumped(self.labels, self.champion, online, *self._conformal.state))

    def load(self, dumped: bytes) -> None:
        """Go on from a state that was dumped under the same definition; challengers are adopted besides."""
        held = msgpack.decode(dumped, type=Dumped)
        for name, online in self._online.items():
            online.load(held.online[name])
        self.committee.changed()
        self._conformal.state = (held.alpha, held.recent)
        self.champion, self.labels = held.champion, held.labels
