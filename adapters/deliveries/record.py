"""What is delivered: an entry of the trail as an event of OCSF, with what it is verified by."""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from projections import ocsf
from projections.audit import Entry, Told
from projections.ocsf import Anchor


class Record(Struct, frozen=True):
    position: int
    at: datetime
    type: str
    severity: int
    """As OCSF counts it."""
    body: bytes
    """JSON in ASCII, on one line without its end."""


class Parcel(Struct, frozen=True):
    """Records of one organisation that leave together, in the order of its log; there is at least one."""

    tenant: UUID
    generation: int
    records: Sequence[Record]

    @property
    def lines(self) -> bytes:
        return b"".join([each.body + b"\n" for each in self.records])


class Declined(Exception):
    """The destination does not take it, and would not if it were sent again unchanged; the message says why."""


class Failed(Exception):
    """It could not be delivered just now; the message says why."""


def record(entry: Entry, anchor: Anchor, told: Told, *, circumstances: bool) -> Record:
    made = ocsf.event(entry, anchor, told, circumstances=circumstances)
    # ASCII alone: some readers take other characters than a newline for the end of a line.
    body = json.dumps(made, separators=(",", ":")).encode()
    return Record(entry.position, entry.at, entry.type, made["severity_id"], body)
