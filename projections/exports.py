"""The trail as it leaves: one line a record, in which nothing somebody wrote can be a formula or a further line."""

import json
import re
from collections.abc import Callable
from typing import Any, ClassVar, Final
from uuid import UUID

from msgspec import Struct, to_builtins

from domain.exports import Format
from domain.kernel import Circumstances, Erased
from projections import ocsf
from projections.audit import Entry, Told, Trail, audit
from projections.kernel import Page, Reads
from projections.ocsf import Anchor
from projections.proofs.note import origin

SCHEMA: Final = "everlog.audit/1"
"""Of NDJSON and CSV. A field may be added to it; what is there keeps its name and meaning."""
BUNDLE: Final = "everlog.bundle/1"
"""Of bundles (docs/reference/proof-format.md)."""
MEDIA: Final[dict[Format, str]] = {
    "csv": "text/csv",
    "ndjson": "application/x-ndjson",
    "ocsf": "application/x-ndjson",
}
PAGE = 200
"""Records that are read together."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
# Programs of some countries divide cells by semicolons: there a formula could begin in the middle of our cell.
_FORMULA = re.compile(r'((?:^|[;,|])[\s"]*)(?=[=+\-@＝＋－＠])')  # noqa: RUF001 - full-width signs are taken for the others
_OPEN = Circumstances.__struct_fields__
_OWN = tuple(name for name in Entry.__struct_fields__ if name != "circumstances")
COLUMNS: Final = ("tenant", "generation", "origin", "leaf", *_OWN, *_OPEN, "withheld", "erased", "subjects", "fact")


class Take(Trail, frozen=True, kw_only=True):
    """The trail in the order of the log, to take away."""

    permission: ClassVar = "audit.export"

    async def answer(self, reads: Reads) -> Page[Entry]:
        return await reads.page(audit, self.where(), sort="position", limit=self.limit)


class Get(Struct, frozen=True, kw_only=True):
    """The manifest of an export."""

    permission: ClassVar = "audit.export"
    id: UUID


class Manifest(Struct, frozen=True, kw_only=True):
    """What an export holds, by what its log says of it."""

    export: UUID
    tenant: UUID
    format: Format
    schema: str
    filter: dict[str, str]
    withheld: list[str]
    """Filters too, by what may be about a person: who may not see circumstances is not told by what."""
    erased: list[str]
    """The same, where whoever took it away was erased."""
    circumstances: bool
    """Whether addresses, sessions, user agents and reasons are in it."""
    made_by: str
    made_at: str
    origin: str
    """Of the tree that its records are leaves of."""
    generation: int
    upto: int
    """The log's last position when the export began."""
    ended: bool
    """False while records are still leaving, or where the program broke down meanwhile: what follows is null then."""
    rows: int | None = None
    first: int | None = None
    last: int | None = None
    size: int | None = None
    sha256: str | None = None
    whole: bool | None = None
    """False where the records end before the filter's do."""
    checkpoint: str | None = None
    """The last signed note, if it covers every record; null until the log is sealed up to `last`."""


def schema(kind: Format, *, bundle: bool = False) -> str:
    return BUNDLE if bundle else f"ocsf/{ocsf.SCHEMA}" if kind == "ocsf" else SCHEMA


def head(kind: Format) -> bytes:
    """What stands before the first record."""
    return _row(COLUMNS) if kind == "csv" else b""


def record(entry: Entry, anchor: Anchor, told: Told) -> dict[str, Any]:
    """An entry, what it tells, and by what it is verified; `circumstances` are in it where they are open."""
    known = entry.circumstances
    own = {name: getattr(entry, name) for name in _OWN}
    return {
        "tenant": str(anchor.tenant),
        "generation": anchor.generation,
        "origin": origin(anchor.tenant, anchor.generation),
        "leaf": anchor.leaf.hex() if anchor.leaf else None,
        **to_builtins(own),
        "circumstances": {name: getattr(known, name) for name in _OPEN} if isinstance(known, Circumstances) else None,
        "withheld": known is not None and not isinstance(known, Circumstances | Erased),
        "erased": isinstance(known, Erased),
        "subjects": [str(each) for each in told.subjects],
        "fact": told.fact,
    }


def ndjson(entry: Entry, anchor: Anchor, told: Told) -> bytes:
    return _json(record(entry, anchor, told))


def as_ocsf(entry: Entry, anchor: Anchor, told: Told) -> bytes:
    return _json(ocsf.event(entry, anchor, told, circumstances=True))


def csv(entry: Entry, anchor: Anchor, told: Told) -> bytes:
    made = record(entry, anchor, told)
    made |= made.pop("circumstances") or {}
    # An identifier has no space in it, and a fact is JSON within its cell.
    made |= {"subjects": " ".join(made["subjects"]), "fact": json.dumps(made["fact"], separators=(",", ":"))}
    return _row([made.get(name) for name in COLUMNS])


WRITERS: Final[dict[Format, Callable[[Entry, Anchor, Told], bytes]]] = {"csv": csv, "ndjson": ndjson, "ocsf": as_ocsf}


def cell(value: Any) -> str:
    """As CSV holds it (RFC 4180), on one line. A text that a spreadsheet would compute has an apostrophe before it."""
    text = "" if value is None else str(value)
    text = _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    text = _FORMULA.sub(r"\1'", text)
    return '"' + text.replace('"', '""') + '"'


def _row(values: Any) -> bytes:
    return (",".join(map(cell, values)) + "\r\n").encode("utf-8", "backslashreplace")


def _json(made: dict[str, Any]) -> bytes:
    # ASCII alone: some readers take other characters than a newline for the end of a line.
    return json.dumps(made, separators=(",", ":")).encode() + b"\n"
