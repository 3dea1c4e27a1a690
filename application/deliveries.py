"""What can be asked of deliveries: destinations added, paused, replayed and removed; and what became of them."""

from datetime import datetime
from typing import Annotated, ClassVar, Protocol, runtime_checkable
from uuid import UUID

from msgspec import Meta, Struct

from application.kernel import Command
from domain import deliveries as domain
from domain.deliveries import Added, Destination, Kind, deliveries
from domain.kernel import Fact

MANAGE = "deliveries.manage"
After = Annotated[int, Meta(ge=0, le=2**53, description="The first record is the one behind this position.")]


class Add(Command, frozen=True, kw_only=True):
    permission: ClassVar = MANAGE
    stream: ClassVar = deliveries
    opens: ClassVar = True
    name: Annotated[str, Meta(min_length=1, max_length=200, description="What it is called: not a person's name.")]
    kind: Annotated[
        Kind,
        Meta(description="http: JSON lines with a bearer token. splunk: its HTTP Event Collector. syslog, s3."),
    ]
    address: Annotated[
        str,
        Meta(
            max_length=500, description="https://HOST/PATH, syslog://HOST:PORT (over TLS), https://HOST/BUCKET/PREFIX."
        ),
    ]
    secret: bytes
    account: Annotated[str, Meta(max_length=200, pattern=r"^[!-~]*$", description="The access key's ID, of s3.")] = ""
    region: Annotated[str, Meta(max_length=100, pattern=r"^[a-z0-9-]*$", description="The bucket's, of s3.")] = ""
    authority: Annotated[
        str,
        Meta(max_length=20_000, pattern=r"^[ -~\r\n]*$", description="PEM: who vouches for it, not the system's list."),
    ] = ""
    circumstances: Annotated[
        bool,
        Meta(description="Deliver addresses, sessions, agents and reasons too; needs `audit.read-circumstances`."),
    ] = False
    after: After = 0

    def decide(self, destination: Destination) -> list[Fact]:
        given = {name: getattr(self, name) for name in Added.__struct_fields__}
        return domain.add(destination, Added(**given))


class ChangeSecret(Command, frozen=True, kw_only=True):
    permission: ClassVar = MANAGE
    stream: ClassVar = deliveries
    secret: bytes

    def decide(self, destination: Destination) -> list[Fact]:
        return domain.change_secret(destination, self.secret)


class Pause(Command, frozen=True, kw_only=True):
    permission: ClassVar = MANAGE
    stream: ClassVar = deliveries

    def decide(self, destination: Destination) -> list[Fact]:
        return domain.pause(destination)


class Resume(Command, frozen=True, kw_only=True):
    permission: ClassVar = MANAGE
    stream: ClassVar = deliveries

    def decide(self, destination: Destination) -> list[Fact]:
        return domain.resume(destination)


class Replay(Command, frozen=True, kw_only=True):
    permission: ClassVar = MANAGE
    stream: ClassVar = deliveries
    after: After = 0

    def decide(self, destination: Destination) -> list[Fact]:
        return domain.replay(destination, self.after)


class Remove(Command, frozen=True, kw_only=True):
    permission: ClassVar = MANAGE
    stream: ClassVar = deliveries

    def decide(self, destination: Destination) -> list[Fact]:
        return domain.remove(destination)


class Reject(Command, frozen=True, kw_only=True):
    permission: ClassVar = "deliveries.run"
    stream: ClassVar = deliveries
    why: str
    after: int

    def decide(self, destination: Destination) -> list[Fact]:
        return domain.reject(destination, self.why, self.after)


class Accept(Command, frozen=True, kw_only=True):
    permission: ClassVar = "deliveries.run"
    stream: ClassVar = deliveries

    def decide(self, destination: Destination) -> list[Fact]:
        return domain.accept(destination)


class Progress(Struct, frozen=True):
    """How far a destination of the trail has been served."""

    round: int
    generation: int
    position: int
    """Everything up to here was accepted."""
    at: datetime | None = None
    """When it last accepted something."""
    tries: int = 0
    """In vain, since then."""
    failing_since: datetime | None = None
    why: str = ""
    """What the last of those tries came to, in words of ours."""


def certified(secret: str) -> bool:
    """Whether it is a certificate with its key, in PEM, and no token."""
    return secret.startswith("-----BEGIN ")


def certifiable(kind: str, address: str) -> bool:
    """Whether such a destination may be shown a certificate: over TLS, and where no other secret is needed."""
    return kind in {"http", "syslog"} and not address.startswith("http://")


class Unfit(Exception):
    """A secret that begins like a certificate with its key in PEM, and is none."""


@runtime_checkable
class Deliveries(Protocol):
    """What the edge needs of deliveries. Synchronous."""

    def seal(self, tenant: UUID, destination: UUID, secret: str) -> bytes:
        """A destination's secret as it may be recorded. Raises `Unfit`."""
        ...

    def progress(self, tenant: UUID) -> dict[UUID, Progress]:
        """Of each destination that something was tried with."""
        ...
