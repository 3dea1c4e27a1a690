"""Looking for planted words wherever a product may have left them: dumps, files of servers, logs, anything on disk.

Plant words that share one unlikely part, and look for that part: `variants(MARK)` finds all of them in one pass. Plant
one that nobody hides as well, and see it found by the same search, or nothing was looked at.
"""

import re
import struct
import subprocess
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from uuid import UUID

from adapters.embedded import binaries
from adapters.kept import WHOLE
from projections.audit import audit
from projections.prospects import prospects

_CHUNK = 1 << 22
NULL = r"\N"
"""As `pg_dump` writes it."""


def variants(word: str) -> dict[str, bytes]:
    """How a word may look in a file: as it is, wide, in hex (pg_dump's bytea), in base 64 wherever it begins."""
    plain = word.encode()
    encoded = {f"base64+{n}": b64encode(b"\0" * n + plain)[2 * n : -4] for n in range(3)}
    wide = {"utf-16": word.encode("utf-16-le"), "hex": plain.hex().encode(), "HEX": plain.hex().upper().encode()}
    return {"plain": plain, **wide, **encoded}


def numbered(number: float) -> dict[str, bytes]:
    """The same of a number that is as good as a name, since only one person has it."""
    return {
        "number": repr(number).encode(),
        "number in hex": repr(number).encode().hex().encode(),
        "float64": struct.pack("<d", number),
        "double": struct.pack(">d", number),
    }


def found(raw: bytes, needles: Mapping[str, bytes]) -> set[str]:
    """In which forms something stands in what was read."""
    return {name for name, needle in needles.items() if needle in raw}


def files(*folders: Path) -> list[Path]:
    """Every file beneath folders that may overlap."""
    paths = {path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}
    return sorted(paths)


def search(paths: Iterable[Path], needles: Mapping[str, bytes]) -> dict[Path, set[str]]:
    """The files in which something stands, and in which forms; one that vanishes meanwhile is passed over."""
    told = {path: _within(path, needles) for path in paths}
    return {path: forms for path, forms in told.items() if forms}


def dumped(superuser: str) -> bytes:
    """The whole database as SQL."""
    program = binaries.installed().postgres.with_name("pg_dump")
    return subprocess.run([program, superuser], check=True, capture_output=True).stdout


def _within(path: Path, needles: Mapping[str, bytes]) -> set[str]:
    forms: set[str] = set()
    for piece in _pieces(path, max(map(len, needles.values()))):
        forms |= found(piece, needles)
    return forms


def _pieces(path: Path, overlap: int) -> Iterator[bytes]:
    """A file in parts, each with the end of the one before: a word may lie across."""
    try:
        with path.open("rb") as file:
            before = b""
            while chunk := file.read(_CHUNK):
                yield (piece := before + chunk)
                before = piece[-overlap:]
    except FileNotFoundError:
        return


def rows(dump: str, table: str, tenant: UUID, columns: Sequence[str]) -> list[list[str]]:
    """The rows of a tenant in a table and its partitions, as `pg_dump` wrote them."""
    found: list[list[str]] = []
    for block in re.finditer(
        rf"^COPY everlog\.{table}\w* \((.*?)\) FROM stdin;\n(.*?)^\\\.$", dump, re.MULTILINE | re.DOTALL
    ):
        names = block[1].replace('"', "").split(", ")
        for line in block[2].splitlines():
            row = dict(zip(names, line.split("\t"), strict=True))
            if row["tenant_id"] == str(tenant):
                found.append([row[name] for name in columns])
    return found


def made_of(dump: str, tenant: UUID) -> dict[str, list[list[str]]]:
    """What stands in a dump that is made of what is about persons: without it, nothing would be found there anyway."""
    notes = rows(dump, "model_notes", tenant, ("kind", "position"))
    words = rows(dump, f"view_{audit.name}_words_{audit.version}", tenant, ("subject",))
    tokens = rows(dump, f"view_{prospects.name}_{prospects.version}", tenant, ("id", "email_token"))
    return {
        "models": [each for each in notes if each[0] == WHOLE],
        "words": [each for each in words if each != [NULL]],
        "tokens": [each for each in tokens if each[1] != NULL],
        "reservations": rows(dump, "reservations", tenant, ("scope", "token")),
    }
