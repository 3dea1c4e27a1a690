"""What a log's facts have reserved, and what its requests were answered with, held against the tables of both."""

from hashlib import sha256
from uuid import UUID

from adapters.codec import Codec
from adapters.postgres.database import Database
from domain.kernel import Erased, Fact, Recorded
from projections.proofs.found import Findings
from tenants.keys import Tokens

_RESERVED = """
    select scope, token, stream from everlog.reservations
    where tenant_id = %s and (scope, token) > (%s, %s) order by scope, token limit 1000"""
_LATER = "select 1 from everlog.events where tenant_id = %s and stream = %s and position > %s limit 1"
_ERASED = "select 1 from everlog.subject_keys where tenant_id = %s and subject = %s and wrapped is null"
_ARRIVING = "select 1 from everlog.heads where tenant_id = %s and closed = 'arriving'"
# The key and the request stand there as HMACs of what no event holds: only where they point to can be told.
_STAMPED = """
    select s.last from everlog.stamps s
    left join everlog.events e on e.tenant_id = s.tenant_id and e.position = s.last
    where s.tenant_id = %s and s.last >= s.first and (s.first < 1 or e.position is null
        or e.recorded_at <> s.recorded_at or e.generation <> s.generation or e.stream <> s.stream)
    order by s.last limit 100"""


class Reserved:
    """`take` each event with its fact opened, then `end`. Memory holds a digest for each reservation."""

    def __init__(self, tenant: UUID, database: Database, codec: Codec, tokens: Tokens) -> None:
        self._tenant = tenant
        self._database = database
        self._codec = codec
        self._tokens = tokens
        self._wanted: dict[bytes, tuple[int, UUID]] = {}
        """The event that reserved it, and the stream's own subject."""
        self._erased: set[str] = set()
        self._upto = 0

    def take(self, recorded: Recorded, fact: Fact) -> None:
        self._upto = recorded.position
        for each in self._codec.of(fact).unique:
            if isinstance(getattr(fact, each.name), Erased):
                self._erased.add(recorded.stream)
                return
        for scope, value in self._codec.unique(fact):
            made = _digest(scope, self._tokens.token(scope, value), recorded.stream)
            self._wanted[made] = recorded.position, recorded.id

    def end(self, findings: Findings) -> None:
        for (position,) in self._database.query(self._tenant, _STAMPED, [self._tenant]):
            findings.add("stamp", "A request is said to have been answered with another event than this.", position)
        # Reservations come with the last parcel of an organisation.
        if self._database.query(self._tenant, _ARRIVING, [self._tenant]):
            return
        at: tuple[str, bytes] = "", b""
        while rows := self._database.query(self._tenant, _RESERVED, [self._tenant, *at]):
            at = rows[-1][0], rows[-1][1]
            for scope, token, stream in rows:
                if not self._wanted.pop(_digest(scope, token, stream), None) and not self._may(stream):
                    findings.row("reservation", "No event makes this reservation.", f"{scope} {stream}")
        for position, subject in self._wanted.values():
            # Who was erased since they were read has none any more.
            if not self._database.query(self._tenant, _ERASED, [self._tenant, subject]):
                findings.add("reservation", "What this event reserves is not reserved.", position)

    def _may(self, stream: str) -> bool:
        """Whether a reservation is of somebody erased, or of an event that came since."""
        later = [self._tenant, stream, self._upto]
        return stream in self._erased or bool(self._database.query(self._tenant, _LATER, later))


def _digest(scope: str, token: bytes, stream: str) -> bytes:
    return sha256(b"\0".join((scope.encode(), stream.encode(), token))).digest()[:16]
