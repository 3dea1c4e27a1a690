"""An organisation of a million events moves: the same in both places, and nobody waits for a minute."""

import psycopg
import pytest
from msgspec.structs import replace

from adapters.postgres.tables import table
from benchmarks.ground import prepared
from benchmarks.jobs import move
from benchmarks.kernel import FULL, QUICK, Session
from projections.prospects import prospects

pytestmark = pytest.mark.long


def lines(scale):
    session = Session(scale, print)
    session.begin("move")
    with prepared() as ground:
        return {line.case.partition(": ")[2]: line for line in move.run(ground, session)}


def test_a_million_events_move_within_a_minute_without_writing():
    found = lines(replace(FULL, replay=1_000_000, share=3_600))
    closed = found["from closing the log to writing there"]
    assert int(closed.case.partition(" ")[0].replace(",", "")) >= 1_000_000
    assert closed.ours < move.CLOSED, closed


EDITS = {
    "the root": "update everlog.events set salt = sha256(salt) where position = 7",
    "the read models": f"update {table(prospects).name} set industry = 'x'",
}


@pytest.mark.parametrize("what", EDITS)
def test_what_is_another_in_the_new_place_fails(monkeypatch, what):
    """The control: something is edited there."""
    same = move._same

    def edited(place, tenant, session, asked=[]):  # noqa: B006 - the second time it is the new place
        asked.append(place)
        if len(asked) == 1:
            return same(place, tenant, session)
        if what == "the root":
            edit(place)
            return same(place, tenant, session)
        found = same(place, tenant, session)
        edit(place)
        return replace(found, digests=same(place, tenant, session).digests)

    def edit(place):
        with psycopg.connect(place.product.superuser) as connection:
            connection.execute("set session_replication_role = replica")
            connection.execute(EDITS[what])

    monkeypatch.setattr(move, "_same", edited)
    with pytest.raises(AssertionError, match=what):
        lines(QUICK)
