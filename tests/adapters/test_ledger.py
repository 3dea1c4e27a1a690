"""The ledger: whole lines outlast everything, a torn one was promised to nobody, a changed one is found."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from adapters.ledger import Began, Damaged, Erased, Forgotten, Ledger

AT = datetime(2026, 11, 25, tzinfo=UTC)


def erased():
    return Erased(uuid4(), uuid4(), AT)


def forgotten():
    return Forgotten(uuid4(), AT, "there", "everlog", 7, "root")


def test_entries_come_back_in_order_whoever_added_them(tmp_path):
    entries = [erased(), Began(2, "restore", AT), forgotten(), erased(), Began(3, "promotion", AT)]
    for each in entries:
        Ledger(tmp_path).add([each])
    assert Ledger(tmp_path).read() == entries
    assert Ledger(tmp_path).generation == 3


def test_there_is_none_yet(tmp_path):
    assert Ledger(tmp_path / "keys").read() == []
    assert Ledger(tmp_path / "keys").generation == 0


def test_it_is_read_again_when_it_is_another_and_not_before(tmp_path, monkeypatch):
    ledger, first, second = Ledger(tmp_path), erased(), erased()
    ledger.add([first])
    assert ledger.read() == [first]
    ledger.read().clear()
    monkeypatch.setattr("adapters.ledger._read", lambda _: pytest.fail("It was read again."))
    assert ledger.read() == [first]
    monkeypatch.undo()
    Ledger(tmp_path).add([second])
    assert ledger.read() == [first, second]
    ledger.set_aside(AT)
    assert ledger.read() == []
    Ledger(tmp_path).add([second])
    assert ledger.read() == [second]


def test_a_torn_line_is_cut_off_and_costs_nothing_else(tmp_path):
    ledger, first, second = Ledger(tmp_path), erased(), erased()
    ledger.add([first])
    with ledger.path.open("ab") as file:
        file.write(b'0123456789abcdef {"type":"era')
    assert ledger.read() == [first]
    ledger.add([second])
    assert ledger.read() == [first, second]


def test_a_changed_line_is_found(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.add([Began(2, "restore", AT), erased()])
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b'"generation":2', b'"generation":1'))
    with pytest.raises(Damaged, match="Line 1 of"):
        ledger.read()


def test_what_copies_hold_more_is_taken_over_once(tmp_path):
    ledger, copy = Ledger(tmp_path / "one"), Ledger(tmp_path / "other")
    ours, theirs = erased(), erased()
    ledger.add([ours])
    copy.add([ours, theirs])
    assert ledger.take_over([copy.path, copy.path, tmp_path / "missing"]) == 1
    assert ledger.take_over([copy.path]) == 0
    assert ledger.read() == [ours, theirs]


def test_one_that_is_set_aside_is_still_found(tmp_path):
    ledger, entry = Ledger(tmp_path), erased()
    ledger.set_aside(AT)
    ledger.add([entry])
    ledger.set_aside(AT)
    assert ledger.read() == []
    assert ledger.take_over(ledger.earlier()) == 1
    assert ledger.read() == [entry]


def test_who_was_forgotten_is_told_by_what_is_new_in_it_alone(tmp_path, monkeypatch):
    ledger, gone, more = Ledger(tmp_path), forgotten(), forgotten()
    assert ledger.gone() == {}
    ledger.add([erased(), gone])
    assert ledger.gone() == {gone.tenant: gone}
    opened = list[bytes]()
    monkeypatch.setattr("adapters.ledger._body", opened.append)
    Ledger(tmp_path).add([erased()])
    assert ledger.gone() == {gone.tenant: gone}
    assert opened == []
    monkeypatch.undo()
    with ledger.path.open("ab") as file:
        file.write(b'0123456789abcdef {"type":"forgotten"')
    assert ledger.gone() == {gone.tenant: gone}
    Ledger(tmp_path).add([more])
    assert ledger.gone() == {each.tenant: each for each in (gone, more)} == Ledger(tmp_path).gone()
    ledger.set_aside(AT)
    assert ledger.gone() == {}
    assert Ledger(tmp_path).take_over(ledger.earlier()) == 4
    assert ledger.gone() == {each.tenant: each for each in (gone, more)}
