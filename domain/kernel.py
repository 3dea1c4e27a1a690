"""The words every capability is written in.

What is frozen and made of values that stood before it can be in no cycle, so the garbage collector need not walk it
(`gc=False`): half of what replaying a log would cost.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct, field
from msgspec.structs import force_setattr

State = TypeVar("State")
T = TypeVar("T")


class Erased(Struct, frozen=True, gc=False, tag="erased"):
    """Stands where a person's data stood before their key was destroyed."""


class Sealed(Struct, frozen=True, gc=False, tag="sealed"):
    """A person's data as the log and the views hold it: a ciphertext, opened only where somebody may see it.

    `binding` is what the ciphertext was bound to when it was recorded, `<stream>@<version>#<path of the field>`.
    """

    subject: UUID
    binding: str
    box: bytes


Personal = Annotated[T | Sealed | Erased, msgspec.Meta(extra={"personal": True})]
"""A value about a person, encrypted under the key of a subject: the stream's own, unless the annotation names the
field that holds another, `Annotated[Personal[str], msgspec.Meta(extra={"subject": "prospect"})]`. `T` is anything but a
mapping (a union of JSON objects needs tags): write a mapping as a sorted tuple of pairs."""


class Fact(Struct, frozen=True, gc=False):
    """Something that happened. Its tag is how it is stored: never rename one, add a new fact.

    A field added later has a default. `schema` counts the shapes a tag has had, and an upcaster leads from each to the
    next. A field annotated with `{"unique": "<scope>"}` is one of its kind in its tenant: the log reserves it.
    """

    schema: ClassVar[int] = 1


class Refused(Exception):
    """A rule said no. The code is part of the API; the words are not."""

    def __init__(self, code: str, **details: object) -> None:
        super().__init__(code)
        self.code = code
        self.details = details


Upcast = Callable[[dict[str, Any]], dict[str, Any]]
"""Turns the decoded body of one schema of a tag into that of the next."""


class Decider(Struct, Generic[State], frozen=True):
    """One kind of stream: its facts, and how they add up to a state."""

    name: str
    facts: Any
    initial: State
    evolve: Callable[[State, Any], State]
    upcasts: Mapping[tuple[str, int], Upcast] = field(default_factory=dict)
    """Keyed by tag and by the schema that the function reads."""

    def fold(self, facts: Iterable[Fact]) -> State:
        state = self.initial
        for fact in facts:
            state = self.evolve(state, fact)
        return state


class Actor(Struct, frozen=True, gc=False):
    """Who did it. `id` is also the subject under whose key the circumstances are sealed."""

    kind: Literal["user", "key", "system", "model", "operator"]
    id: UUID

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


class Circumstances(Struct, frozen=True, gc=False, tag="circumstances", omit_defaults=True):
    """Where a request came from and the reason given: personal data of the actor."""

    ip: str = ""
    session: str = ""
    agent: str = ""
    reason: str = ""


class Meta(Struct, frozen=True, gc=False, omit_defaults=True):
    """What the log keeps of how a fact came about."""

    event: UUID
    actor: Actor
    permission: str
    rule: str = ""
    """The rule that granted the permission."""
    on_behalf_of: Actor | None = None
    causation: UUID | None = None
    """The event or request that led to this one."""
    correlation: UUID | None = None
    trace: str = ""
    schema: int = 1
    subjects: tuple[UUID, ...] = ()
    occurred_at: datetime | None = None
    """The caller's claim; `Recorded.at` is the log's own time."""
    circumstances: Personal[Circumstances] | None = None


NOBODY = Meta(UUID(int=0), Actor("system", UUID(int=0)), "")
"""Stands for metadata that this version of the program cannot read. They are never recorded."""


class Unreadable(Fact, frozen=True, tag="unreadable"):
    """Stands for an event that this version of the program cannot read. It is never recorded."""

    kind: str
    why: str


class Recorded(Struct, frozen=True, gc=False):
    """A fact as the log holds it; `at` never decreases within a tenant, positions are 1, 2, 3 … without a gap."""

    position: int
    stream: str
    """`<capability>/<uuid>`."""
    version: int
    """1 for the stream's first fact."""
    at: datetime
    told: Meta | Callable[[], Meta]
    """How it came about, or what reads that: `meta` has it read when it is first asked for, as most folds never do."""
    fact: Fact
    type: str = ""
    """The tag under which it is stored."""
    generation: int = 1

    @property
    def meta(self) -> Meta:
        if not isinstance(self.told, Meta):
            force_setattr(self, "told", self.told())
        return self.told  # type: ignore[return-value] # read by now

    @property
    def id(self) -> UUID:
        """The stream's own identifier; msgspec reads one in less than half the time that `UUID` takes."""
        return msgspec.convert(self.stream[-36:], UUID)

    @property
    def capability(self) -> str:
        return self.stream[:-37]
