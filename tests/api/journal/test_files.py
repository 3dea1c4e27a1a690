"""A file of reads is carried into the logs once and wholly, whoever wrote it and whatever became of it."""

import asyncio
import os
import signal
import subprocess
import sys
from unittest.mock import Mock
from uuid import UUID, uuid4

import pytest

from adapters.journal import Journal
from adapters.journal.drain import carry
from adapters.journal.segment import HEAD, Segment
from application.ports import Closed, Unrecorded
from domain.audit import Damaged
from tenants.context import SYSTEM
from tenants.keys import Revoked
from tests.api.journal.story import damaged, reads, sealed, seen
from tests.faults.disk.drive import Missing, drive, needed
from tests.waiting import until


def test_a_file_that_is_carried_over_twice_adds_nothing_and_holds_nothing_in_the_clear(world, tenant, tmp_path):
    segment = Segment.create(tmp_path)
    segment.write([sealed(world, seen(world, tenant, tenant.ids["Admin"], UUID(int=n))) for n in range(1, 4)])
    content, path = segment.path.read_bytes(), segment.path
    assert b"192.0.2.7" not in content
    assert b"prospects" not in content
    carry(segment, world.logs)
    before = len(reads(world, tenant))
    # As after a crash between the append and the end of the file.
    path.write_bytes(content)
    again = Segment.abandoned(path)
    assert again
    carry(again, world.logs)
    assert (before, len(reads(world, tenant))) == (3, 3)
    # The control: in a file of another name the same is something else.
    other = Segment.create(tmp_path)
    other.path.write_bytes(content)
    carry(other, world.logs)
    assert len(reads(world, tenant)) == 6


def test_the_read_of_an_erased_reader_stays(world, tenant, tmp_path):
    reader = tenant.ids["Viewer"]
    world.database.query(
        tenant.id,
        "insert into everlog.subject_keys (tenant_id, subject, epoch, erased_at) values (%s, %s, 0, now())",
        [tenant.id, reader],
    )
    world.logs.rings.of(tenant.id).forget([reader])
    segment = Segment.create(tmp_path)
    segment.write([sealed(world, seen(world, tenant, reader, UUID(int=9)))])
    carry(segment, world.logs)
    [read] = reads(world, tenant)
    assert world.logs.of(tenant.id).open(read.fact).filter == ()
    assert (read.meta.circumstances, read.fact.looks[0].subjects) == (None, (UUID(int=9),))


def test_a_journal_outlasts_a_disk_that_was_away(world, tenant, tmp_path):
    try:
        needed()
    except Missing as missing:
        pytest.skip(str(missing))
    one, two = (seen(world, tenant, tenant.ids["Admin"], uuid4()) for _ in range(2))
    with drive(tmp_path) as disk:
        with Journal(tmp_path, world.logs, every=0.05) as journal:
            disk.cut()
            with pytest.raises(Unrecorded):
                world.run(journal.keep(one))
            disk.power()
            world.run(journal.keep(two))
            until(lambda: any(two.look.subjects[0] in each.meta.subjects for each in reads(world, tenant)))
        assert not any(one.look.subjects[0] in each.meta.subjects for each in reads(world, tenant))


def test_reads_under_way_share_a_sync_and_who_is_alone_has_it_at_once(world, tenant, tmp_path):
    """`shares`: how many answers were handed to the writer together, each time."""
    answers = [seen(world, tenant, tenant.ids["Admin"], UUID(int=number)) for number in range(1, 17)]

    async def all_of(journal, serving):
        await asyncio.gather(*(journal.keep(each, serving) for each in answers))

    with Journal(tmp_path, world.logs) as journal:
        handed = journal._asked.put
        journal._asked = Mock(wraps=journal._asked)
        shares = []

        def put(kept):
            shares.extend([len(kept)] if kept else [])
            handed(kept)

        journal._asked.put = put
        world.run(all_of(journal, 16))
        world.run(all_of(journal, 1))
        # The rest of them never comes, which is not waited for.
        world.run(all_of(journal, 1_000))
    assert shares == [8, 8, *[1] * 16, 16]
    assert sum(len(each.fact.looks) for each in reads(world, tenant)) == 48


WRITER = """
import sys, time
from pathlib import Path
from adapters.journal.segment import HEAD, Segment
segment = Segment.create(Path(sys.argv[1]))
for line in sys.stdin:
    segment.write([bytes.fromhex(line)])
    print("answered", flush=True)
"""


def test_what_a_killed_process_answered_is_carried_over_by_another(world, tenant, tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdin
        assert writer.stdout
        for number in range(1, 6):
            writer.stdin.write(sealed(world, seen(world, tenant, tenant.ids["Admin"], UUID(int=number))).hex() + "\n")
            writer.stdin.flush()
            assert writer.stdout.readline() == "answered\n"
        writer.send_signal(signal.SIGKILL)
    (tmp_path / "some.damaged").touch()
    with Journal(tmp_path, world.logs, every=0.05) as journal:
        until(lambda: len(reads(world, tenant)) == 5)
    assert journal.files() == {"waiting": 0, "damaged": 1, "left": 0}
    subjects = [each.int for read in reads(world, tenant) for look in read.fact.looks for each in look.subjects]
    assert subjects == [1, 2, 3, 4, 5]


def test_whose_keys_were_taken_back_stands_in_nobody_s_way(world, tenant, other, tmp_path, monkeypatch):
    segment, person = Segment.create(tmp_path), uuid4()

    def told(of):
        return sum(person in look.subjects for read in reads(world, of) for look in read.fact.looks)

    segment.write([sealed(world, seen(world, each, each.ids["Admin"], person)) for each in (tenant, other)])
    shut = Mock(side_effect=Revoked("by its owner"))
    waiting: dict[UUID, frozenset[UUID]] = {}
    with monkeypatch.context() as patch:
        patch.setattr(world.logs.rings.of(tenant.id).keys, "mac", shut)
        for _ in range(3):
            with pytest.raises(Revoked):
                carry(segment, world.logs, waiting)
    assert (told(tenant), told(other)) == (0, 1)
    # What was carried over once is not tried again until something has changed.
    assert waiting == {segment.id: frozenset({tenant.id})}
    carry(segment, world.logs, waiting)
    assert (told(tenant), told(other)) == (1, 1)
    assert not segment.path.exists()
    assert waiting == {}


def test_who_has_left_stands_in_nobody_s_way(world, tenant, other, tmp_path):
    segment, person = Segment.create(tmp_path), uuid4()
    segment.write([sealed(world, seen(world, each, each.ids["Admin"], person)) for each in (tenant, other)])
    close = "update everlog.heads set closed = %s where tenant_id = %s"
    world.keeper.query(tenant.id, close, ["left", tenant.id])
    with pytest.raises(Closed):
        carry(segment, world.logs)
    assert [person in each.meta.subjects for each in reads(world, other)].count(True) == 1
    assert segment.path.exists()
    os.utime(segment.path, (0, 0))
    carry(segment, world.logs)
    assert [each.suffix for each in tmp_path.iterdir()] == [".left"]
    assert [person in each.meta.subjects for each in reads(world, other)].count(True) == 1


def test_a_flipped_bit_costs_one_read_and_the_logs_tell_of_it(world, tenant, other, tmp_path):
    segment = Segment.create(tmp_path)
    whose = [tenant, tenant, other, tenant]
    frames = [sealed(world, seen(world, each, each.ids["Admin"], uuid4())) for each in whose]
    segment.write(frames)
    content = bytearray(segment.path.read_bytes())
    content[2 * (HEAD + len(frames[0])) + HEAD + 40] ^= 1
    segment.path.write_bytes(content)
    before = len(reads(world, other))
    carry(segment, world.logs)
    assert [each.suffix for each in tmp_path.iterdir()] == [".damaged"]
    # What stands behind the damage is in the log; what was damaged is not, and whose it was is told.
    shown = [look for read in reads(world, tenant) for look in read.fact.looks]
    assert (len(shown), len(reads(world, other)) - before) == (3, 0)
    for each in (tenant, other):
        [told] = [event for event in damaged(world, each) if event.fact.file == segment.id]
        assert (told.fact.places, told.meta.actor.kind) == (1, "system")
        assert told.fact.since
        assert told.fact.until
    assert any(
        event.fact.file == segment.id
        for event in world.logs.of(SYSTEM).read(0, 100_000)
        if isinstance(event.fact, Damaged)
    )
