"""What lies in a parcel, frame by frame."""

from uuid import UUID

import msgspec
from msgspec import Struct


class Event(Struct, frozen=True, array_like=True):
    """A row of the log; `at` in microseconds since 1970."""

    position: int
    stream: str
    version: int
    type: str
    event: UUID
    at: int
    meta: bytes
    body: bytes
    salt: bytes
    generation: int


class Events(Struct, frozen=True, tag="events"):
    rows: list[Event]


class Subject(Struct, frozen=True, array_like=True):
    """A subject's key; none, and when it was destroyed (microseconds since 1970), where they were erased."""

    subject: UUID
    key: bytes | None
    erased_at: int | None


class Subjects(Struct, frozen=True, tag="subjects"):
    rows: list[Subject]


class Secrets(Struct, frozen=True, tag="secrets"):
    """The tenant's keys for tokens and for requests, and what it is called."""

    tokens: bytes
    requests: bytes
    name: str


class Reserved(Struct, frozen=True, array_like=True):
    scope: str
    token: bytes
    stream: str


class Reservations(Struct, frozen=True, tag="reservations"):
    rows: list[Reserved]


class Stamp(Struct, frozen=True, array_like=True):
    credential: UUID
    key: bytes
    request: bytes
    first: int
    last: int
    stream: str | None
    at: int
    generation: int


class Stamps(Struct, frozen=True, tag="stamps"):
    rows: list[Stamp]


class Mark(Struct, frozen=True, array_like=True):
    destination: UUID
    round: int
    generation: int
    position: int


class Served(Struct, frozen=True, tag="served"):
    """How far each destination of the trail has been served."""

    rows: list[Mark]


class End(Struct, frozen=True, tag="end"):
    """The log's last position in this parcel."""

    upto: int


class Checkpoint(Struct, frozen=True, tag="checkpoint"):
    """The last that was signed of the log, and the verifier key that it is signed with."""

    note: str
    key: str


Frame = Secrets | Subjects | Events | Reservations | Stamps | Served | Checkpoint | End

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Frame).decode
