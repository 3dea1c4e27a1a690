"""What is remembered of looks at whole records, beside the keys."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from adapters.ledger import Forgotten, Ledger
from adapters.proofs.looks import Looks
from adapters.proofs.signer import FOLDER, Signer
from application.proofs import Looked

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def looks(tmp_path):
    return Looks(tmp_path)


def test_it_is_remembered_for_every_process_with_that_folder_and_nobody_else_can_read_it(tmp_path, looks):
    one, other = uuid4(), uuid4()
    assert (looks.last(one), looks.all()) == (None, {})
    looks.put(one, Looked(NOW, sound=False))
    looks.put(other, Looked(NOW, withheld=True))
    again = Looks(tmp_path)
    assert (again.last(one), again.last(other)) == (Looked(NOW, sound=False), Looked(NOW, withheld=True))
    assert {each.stat().st_mode & 0o777 for each in (tmp_path / FOLDER).iterdir()} == {0o600}
    later = NOW + timedelta(hours=1)
    assert looks.all() == again.all() == {f"{one}": NOW, f"{other}": NOW}
    again.put(one, Looked(later, sound=True))
    assert looks.all() == {f"{one}": later, f"{other}": NOW}
    (tmp_path / FOLDER / f"{other}.looked").unlink()
    assert looks.all() == {f"{one}": later}


def test_what_cannot_be_read_stands_for_never_and_is_mended_by_the_next_look(tmp_path, looks):
    tenant = uuid4()
    looks.put(tenant, Looked(NOW, sound=True))
    (tmp_path / FOLDER / f"{tenant}.looked").write_bytes(b"{")
    never = looks.last(tenant)
    assert (never.at.year, never.sound, looks.all()) == (1970, None, {f"{tenant}": never.at})
    looks.put(tenant, Looked(NOW, sound=True))
    assert looks.all() == {f"{tenant}": NOW}


def test_many_may_remember_at_once(tmp_path):
    tenant = uuid4()

    def put(_):
        Looks(tmp_path).put(tenant, Looked(NOW, sound=True))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, range(64)))
    assert Looks(tmp_path).last(tenant) == Looked(NOW, sound=True)


def test_another_database_begins_without_it(tmp_path, looks):
    looks.put(uuid4(), Looked(NOW, sound=True))
    Signer(tmp_path, lambda: 1).set_aside(NOW)
    assert looks.all() == {}


def test_of_who_has_left_and_was_forgotten_nothing_is_due_any_more(tmp_path, looks):
    tenant, other = uuid4(), uuid4()
    for each in (tenant, other):
        looks.put(each, Looked(NOW, sound=True))
    Ledger(tmp_path).add([Forgotten(tenant, NOW, "there", "everlog/x", 1, "root")])
    assert looks.all() == {f"{other}": NOW}
