"""Whatever somebody wrote into the trail, it leaves as one record, and no spreadsheet computes it."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel import Circumstances, Erased, Sealed
from projections import exports
from projections.audit import Entry
from projections.audit.told import NOTHING, Told
from projections.ocsf import Anchor

ANCHOR = Anchor(tenant=UUID(int=7), generation=2, leaf=b"\x01" * 32)
FORMULA = "=+-@＝＋－＠\t\r"  # noqa: RUF001 - full-width signs are taken for the others
WORDS = st.text(st.sampled_from("=+-@\t\r\n \";,|'a＝\u2028\x85\x1b\x00\ud800"), max_size=12) | st.text(max_size=30)  # noqa: RUF001 - full-width signs again


def entry(**named):
    values: dict[str, Any] = {
        "position": 3,
        "at": datetime(2026, 3, 1, tzinfo=UTC),
        "actor_kind": "user",
        "actor": UUID(int=1),
        "type": "prospects.won",
        "capability": "prospects",
        "resource": UUID(int=2),
        "version": 4,
        "permission": "prospects.win",
        "rule": "p, role:Member, prospects.win",
        "outcome": "accepted",
        "code": "",
        "command": "",
        "event": UUID(int=3),
    }
    return Entry(**(values | named))


def said(*words):
    """A fact of these words."""
    return Told({"filter": list(words), **{each: each for each in words}}, (UUID(int=8), UUID(int=9)))


def computed(line):
    """The cells of a line that a spreadsheet would compute, whichever sign divides its cells."""
    found = []
    for sign in ",;":
        for cells in csv.reader(io.StringIO(line.decode(), newline=""), delimiter=sign):
            found += [each for each in cells if each.strip(' "')[:1] in tuple(FORMULA)]
    return found


@given(WORDS, WORDS)
def test_no_cell_becomes_a_formula(agent, reason):
    line = exports.csv(
        entry(circumstances=Circumstances("::1", "s", agent, reason), code=reason), ANCHOR, said(agent, reason)
    )
    assert computed(line) == []


@pytest.mark.parametrize("words", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", " =1", "a;=1", 'a;"=1', "\n=1"])
def test_these_are_known_to_be_computed(words, monkeypatch):
    """The control: the same check, on cells that are quoted and no more."""
    assert computed(exports._row(["x", words])) == []
    monkeypatch.setattr(exports, "cell", lambda value: '"' + str(value).replace('"', '""') + '"')
    assert computed(exports._row(["x", words]))


@given(WORDS, WORDS)
def test_a_record_is_one_line_and_cannot_be_forged(agent, reason):
    one = entry(circumstances=Circumstances("::1", "s", agent, reason))
    for kind, write in exports.WRITERS.items():
        lines = write(one, ANCHOR, said(agent, reason)).decode().splitlines()
        assert len(lines) == 1, kind
        assert not any(ord(each) < 32 or 127 <= ord(each) < 160 for each in lines[0])


def test_a_line_that_is_not_ascii_alone_would_be_two(monkeypatch):
    """The control: JSON as other encoders write it, with the characters that end lines for some."""
    monkeypatch.setattr(exports, "_json", lambda told: json.dumps(told, ensure_ascii=False).encode())
    one = entry(circumstances=Circumstances("::1", "s", "a\u2028{}", ""))
    assert len(exports.ndjson(one, ANCHOR, NOTHING).decode().splitlines()) == 2


@given(WORDS)
def test_ndjson_holds_the_very_words(words):
    told = json.loads(exports.ndjson(entry(circumstances=Circumstances("::1", "s", words, words)), ANCHOR, NOTHING))
    assert told["circumstances"] == {"ip": "::1", "session": "s", "agent": words, "reason": words}
    assert (told["position"], told["generation"], told["leaf"]) == (3, 2, "01" * 32)


def test_what_is_sealed_or_erased_is_not_in_it():
    sealed = Sealed(UUID(int=9), "circumstances", b"secret")
    for value, withheld, erased in ((sealed, True, False), (Erased(), False, True)):
        told = json.loads(exports.ndjson(entry(circumstances=value), ANCHOR, NOTHING))
        assert (told["circumstances"], told["withheld"], told["erased"]) == (None, withheld, erased)
        assert b"secret" not in exports.csv(entry(circumstances=value), ANCHOR, NOTHING)


@given(st.lists(WORDS))
def test_what_was_recorded_leaves_in_every_format_and_is_read_again(words):
    told = said(*words)
    ndjson = json.loads(exports.ndjson(entry(), ANCHOR, told))
    assert (ndjson["fact"], ndjson["subjects"]) == (told.fact, [str(each) for each in told.subjects])
    line = exports.csv(entry(), ANCHOR, told).decode()
    row = dict(zip(exports.COLUMNS, next(csv.reader(io.StringIO(line, newline=""))), strict=True))
    assert row["subjects"] == " ".join(ndjson["subjects"])
    # A formula in it has an apostrophe before it; JSON it is nevertheless.
    assert json.loads(row["fact"])["filter"] == words or "'" in row["fact"]
