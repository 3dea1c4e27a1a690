"""What is kept of a model's past, so that a prediction is made again without the whole log.

Every so many labels the state is kept; behind it which labels were learned, and each challenger that came into use.
With the log's own facts of those labels the model stands again where it stood at any position. Besides, now and then,
all of it, from which a worker that starts goes on. It can all be lost: a model that is folded anew brings it back.
"""

from collections.abc import Mapping
from uuid import UUID

from msgspec import Struct

from domain.predictions import Made
from projections.predictions.fits import Underway
from projections.predictions.known import Known

EVERY = 256
"""Labels from one kept state to the next, at least: what is learned again to stand between two of them."""
WEIGHT = 8192
"""A state has so many bytes for each label to the next, so that large ones are kept more seldom."""


class Stand(Struct, frozen=True, tag="state"):
    """The state behind a position."""

    position: int
    dumped: bytes


class Lesson(Struct, frozen=True, tag="lesson"):
    """A label was learned at a position: which prediction's, and what came."""

    position: int
    prediction: UUID
    """Its stream's."""
    won: bool
    champion: str
    """Who predicts from then on."""


class Adopted(Struct, frozen=True, tag="adopted"):
    """What a fit came to is in use from a position on."""

    position: int
    challenger: str
    labels: int
    dumped: bytes


Note = Stand | Lesson | Adopted


class Point(Struct, frozen=True):
    """Enough to stand where a model stood at a position."""

    position: int
    stand: Stand | None
    """The last state that was kept before; None where that is the beginning."""
    lessons: tuple[tuple[Lesson, Made], ...]
    """Learned since, in their order, each with its prediction, opened."""
    adopted: tuple[Adopted, ...]
    """The last of each challenger."""
    erased_at: int | None
    """The first position at which the model found something erased, if that is not behind this one."""


class Whole(Struct, frozen=True):
    """Everything that a learner holds."""

    position: int
    erased_at: int | None
    state: bytes
    adopted: tuple[tuple[str, int, bytes], ...]
    """The challengers in use: name, labels that each was fitted to, and its dump."""
    labels: Mapping[str, bytes]
    """What each challenger has observed."""
    fits: tuple[list[int], list[Underway]]
    contest: tuple[str, list[dict[str, float]], int]
    known: Mapping[UUID, Known]
    quiet: Mapping[UUID, bytes]
    silent: frozenset[UUID]
    horizon: tuple[UUID, ...]
    captures: int
    predictions: int
    milestones: int
    next: int


class Incomplete(Exception):
    """Something is missing of what was kept: the champion cannot speak."""
