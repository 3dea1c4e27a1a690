"""One append from facts to the atom that commits, and its answer back in the port's words."""

from collections.abc import Mapping, Sequence
from os import urandom
from time import time_ns
from uuid import UUID

from adapters.codec import Codec
from adapters.codec.codec import KeyOf, subject
from adapters.codec.meta import Told
from adapters.crypto import SubjectKey
from adapters.keyring import Ring
from adapters.postgres.atom import (
    Atom,
    Behind,
    Busy,
    Closed,
    Entry,
    Failing,
    Full,
    Gone,
    Minted,
    Reservation,
    Reserved,
    Restamped,
    Stamp,
    Unsettled,
)
from application import ports
from application.kernel import Once
from application.pending import Pending
from application.ports import Appended, Conflict, NoRoom, Reused, SubjectErased, Taken, Unanswered
from domain.kernel import Erased, Fact, Meta
from tenants.keys import Left

SALT = 16
_VERSION_7, _VARIANT = 7 << 76, 2 << 62
_RANDOM_A, _RANDOM_B = 0xFFF << 64, (1 << 62) - 1


class Draft:
    """What a caller wants appended, until it is."""

    __slots__ = (
        "about",
        "answer",
        "expected",
        "facts",
        "forgot",
        "meta",
        "minted",
        "once",
        "own",
        "stream",
        "subjects",
        "tries",
    )

    def __init__(
        self, codec: Codec, stream: str, expected: int, facts: Sequence[Fact], meta: Meta, once: Once | None
    ) -> None:
        self.stream = stream
        self.expected = expected
        self.facts = facts
        self.meta = meta
        self.once = once
        self.answer: Pending[Appended] = Pending()
        self.tries = 0
        self.forgot = False
        """The keys that were at hand are let go of, since the log did not know one of them."""
        self.own = subject(stream)
        about = {each.int: each for fact in facts for each in codec.subjects(fact, self.own)}
        self.about = tuple(about.values())
        """The subjects of the facts, in order."""
        if meta.circumstances is not None and facts:
            about[meta.actor.id.int] = meta.actor.id
        self.subjects = tuple(about.values())
        """Everyone under whose key something is sealed: the actor too."""
        self.minted: tuple[tuple[Minted, SubjectKey], ...] = ()

    @property
    def fresh(self) -> UUID | None:
        """The stream's subject where it is likely that nobody has heard of them: a key is minted on the off chance."""
        return self.own if self.expected == 0 and self.tries == 0 and self.own in self.about else None

    def ready(self, ring: Ring) -> bool:
        """Whether it can be sealed without asking anybody."""
        if not ring.keys.ready:
            return False
        lacking = ring.lacks(self.subjects)
        return not lacking or lacking == [self.fresh]

    def atom(self, codec: Codec, ring: Ring) -> Atom:
        """Seal everything. Raises `SubjectErased`, and `adapters.codec.Illegal`."""
        # By the integers of UUIDs, which hash many times faster than UUIDs do.
        keys = {subject.int: self._key(ring, subject) for subject in self.subjects}
        new = [each.subject.int for each, _ in self.minted]
        return Atom(
            self._entries(codec, lambda subject: keys[subject.int]),
            tuple([subject for subject in self.subjects if subject.int not in new]),
            tuple([each for each, _ in self.minted]),
            tuple(
                [
                    Reservation(scope, ring.token(scope, value), self.stream)
                    for fact in self.facts
                    for scope, value in codec.unique(fact)
                ]
            ),
            Stamp(self.once.credential, *ring.stamp(self.once.credential, self.once.key, self.once.request))
            if self.once
            else None,
        )

    def _key(self, ring: Ring, subject: UUID) -> SubjectKey:
        held = ring.get(subject)
        if isinstance(held, Erased):
            raise SubjectErased
        if held is None:
            minted = ring.mint(subject)
            self.minted += (minted,)
            held = minted[1]
        return held

    def _entries(self, codec: Codec, key_of: KeyOf) -> list[Entry]:
        random = urandom(SALT * len(self.facts))
        given, stream, event = self.meta.subjects, self.stream, self.meta.event
        subjects = (*given, *[each for each in self.about if each not in given]) if given else self.about
        entries = []
        for number, fact in enumerate(self.facts):
            shape, version = codec.of(fact), self.expected + number + 1
            if number:
                event = event_id()
            meta = codec.encode_meta(self.meta, stream, version, key_of, Told(event, shape.schema, subjects))
            body = codec.encode(fact, stream, version, key_of, self.own)
            salt = random[SALT * number : SALT * (number + 1)]
            entries.append(Entry(stream, version, shape.tag, body, event, meta, salt))
        return entries


def event_id() -> UUID:
    """A UUID of version 7 (RFC 9562): milliseconds since 1970, then random bits."""
    random = int.from_bytes(urandom(10), "big")
    return UUID(
        int=(time_ns() // 1_000_000 << 80) | _VERSION_7 | (random & _RANDOM_A) | _VARIANT | (random & _RANDOM_B)
    )


_PASSING: Mapping[type[Exception], type[Unanswered]] = {Full: NoRoom, Closed: ports.Closed, Left: ports.Closed}


def told(problem: BaseException) -> BaseException:
    """What the log's recorder raised, in the words of `application.ports`."""
    match problem:
        case Behind():
            return Conflict(problem.stream, problem.actual)
        case Reserved():
            return Taken(problem.scope)
        case Restamped():
            return Reused()
        case Gone():
            return SubjectErased()
        case Busy() | Closed() | Failing() | Left() | Unsettled():
            return _PASSING.get(type(problem), Unanswered)()
    return problem
