import sys
from uuid import UUID

import pytest

from benchmarks.peers import emmett, rules
from benchmarks.peers.copy import Rows
from benchmarks.peers.emmett import Emmett
from benchmarks.peers.umadb import UmaDB
from domain.access import ROLES


@pytest.mark.parametrize("program", ["node", "npm"])
def test_without_node_the_comparison_with_emmett_says_what_to_install(monkeypatch, tmp_path, program):
    monkeypatch.setattr("shutil.which", lambda name: None if name == program else f"/usr/bin/{name}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    store = Emmett("postgresql://nobody@127.0.0.1:1/none")
    with store, pytest.raises(RuntimeError, match=f"{program} is not"):
        store.append(1, 1, 0.1, 1, 1)


def test_an_installation_that_failed_is_none(monkeypatch, tmp_path):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho no such package >&2\nexit 1\n")
    npm.chmod(0o700)
    monkeypatch.setattr("shutil.which", lambda name: str(npm))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no such package"):
            emmett.installed()


def test_without_its_package_the_comparison_with_umadb_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "umadb", None)
    with UmaDB(tmp_path) as store, pytest.raises(RuntimeError, match="make bench"):
        store.append(1, 1, 0.1, b"")


def test_no_two_messages_to_copy_share_a_key():
    rows = Rows(2, meta=3, body=5)
    first, second = rows.fresh(), rows.fresh()
    assert len(first) == len(second)
    assert first != second
    assert first.count(b"mmm") == second.count(b"bbbbb") == 2
    streams = {message[at : at + 46] for message in (first, second) for at in places(message, b"prospects/")}
    assert len(streams) == 2


def places(message, word):
    at = message.find(word)
    while at >= 0:
        yield at
        at = message.find(word, at + 1)


def test_the_compiled_and_the_stock_rules_agree():
    members = {UUID(int=number): role for number, role in enumerate(ROLES, 1)}
    compiled, stock = rules.compiled(members), rules.stock(members)
    permissions = sorted({each for held in ROLES.values() for each in held} | {"orgs.found"})
    asked = [(f"user:{member}", permission) for member in members for permission in permissions]
    assert [question in compiled for question in asked] == [stock.enforce(*question) for question in asked]
    assert 0 < len(compiled) < len(asked)
