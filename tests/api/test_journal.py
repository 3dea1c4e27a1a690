"""Who read what about whom is in the log, once, and nothing is shown that cannot be written down."""

import os
import signal
import subprocess
import sys
from uuid import UUID, uuid4

import pytest

from adapters.journal import Journal
from adapters.journal.drain import carry, seal
from adapters.journal.segment import HEAD, Segment
from application.ports import Closed, Seen
from domain.audit import Damaged, Look, Read
from domain.kernel import Actor, Circumstances
from tenants.context import SYSTEM
from tests.waiting import until


def reads(world, tenant):
    return [each for each in world.logs.of(tenant.id).read(0, 100_000) if isinstance(each.fact, Read)]


def captured(world, tenant, name="Ada"):
    body = {"name": name, "email": f"{os.urandom(6).hex()}@example.org"}
    answer = world.ask("POST", "/v1/prospects", tenant.keys["Admin"], json=body)
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["id"]), answer.headers["Everlog-Position"], body["email"]


@pytest.fixture
def tenant(world):
    return world.tenant()


def test_a_read_of_a_person_is_in_the_trail_with_reader_fields_and_subject(world, tenant, other):
    id, position, _ = captured(world, tenant)
    headers = {"Everlog-Min-Position": position, "Everlog-Reason": "a call", "Everlog-Session": "s-1"}
    assert world.ask("GET", f"/v1/prospects/{id}", tenant.keys["Admin"], headers).status_code == 200
    [read] = until(lambda: reads(world, tenant))
    [look] = read.fact.looks
    assert (read.fact.query, read.meta.actor.id, look.rows, look.subjects) == (
        "prospects.get",
        tenant.ids["Admin"],
        1,
        (id,),
    )
    assert {"name", "email"} <= set(read.fact.fields)
    assert read.meta.permission == "prospects.read-personal"
    assert read.meta.rule
    assert read.meta.subjects[0] == id
    circumstances = world.logs.of(tenant.id).open(read.meta.circumstances)
    assert (circumstances.reason, circumstances.session) == ("a call", "s-1")
    found = {"Everlog-Min-Position": f"1:{read.position}"}
    asked = world.ask("POST", "/v1/audit/find", tenant.keys["Admin"], found, json={"session": "s-1"})
    assert {each["type"] for each in asked.json()["items"]} == {"audit.read"}
    assert all(id not in look.subjects for each in reads(world, other) for look in each.fact.looks)


def test_an_officer_is_told_who_looked_at_a_person(world, tenant):
    id, position, _ = captured(world, tenant)
    world.ask("GET", f"/v1/prospects/{id}", tenant.keys["Admin"], {"Everlog-Min-Position": position})
    [read] = until(lambda: reads(world, tenant))
    asked = {"Everlog-Min-Position": f"1:{read.position}"}
    told = world.ask("GET", f"/v1/audit?type=audit.read&subject={id}", tenant.keys["Auditor"], asked).json()["items"]
    assert [(each["actor"], each["permission"]) for each in told] == [
        (str(tenant.ids["Admin"]), "prospects.read-personal")
    ]
    nobody = world.ask("GET", f"/v1/audit?type=audit.read&subject={uuid4()}", tenant.keys["Auditor"], asked)
    assert nobody.json()["items"] == []


def test_an_answer_about_several_is_found_by_each_of_them(world, tenant):
    people = [captured(world, tenant, name) for name in ("Ada", "Bob", "Eve")]
    headers = {"Everlog-Min-Position": people[-1][1]}
    assert len(world.ask("GET", "/v1/prospects", tenant.keys["Admin"], headers).json()["items"]) == len(people)
    [read] = until(lambda: reads(world, tenant))
    headers = {"Everlog-Min-Position": f"1:{read.position}"}
    for id, _, _ in people:
        told = world.ask("GET", f"/v1/audit?type=audit.read&subject={id}", tenant.keys["Auditor"], headers).json()
        assert [each["position"] for each in told["items"]] == [read.position]
    told = world.ask("GET", f"/v1/audit?type=audit.read&subject={uuid4()}", tenant.keys["Auditor"], headers).json()
    assert told["items"] == []


def test_a_search_by_mail_address_tells_the_rows_and_not_the_address(world, tenant):
    id, position, email = captured(world, tenant)
    headers = {"Everlog-Min-Position": position}
    found = world.ask("POST", "/v1/prospects/find", tenant.keys["Admin"], headers, json={"email": email})
    assert [each["id"] for each in found.json()["items"]] == [str(id)]
    [read] = until(lambda: reads(world, tenant))
    asked = dict(world.logs.of(tenant.id).open(read.fact).filter)
    assert asked["email"] == ""
    assert read.fact.looks[0].subjects == (id,)


def test_who_is_shown_nothing_personal_leaves_no_read(world, tenant):
    id, position, _ = captured(world, tenant)
    headers = {"Everlog-Min-Position": position}
    shown = world.ask("GET", f"/v1/prospects/{id}", tenant.keys["Viewer"], headers)
    assert shown.json()["withheld"]
    world.ask("GET", f"/v1/prospects/{id}", tenant.keys["Admin"], headers)
    [read] = until(lambda: reads(world, tenant))
    assert read.meta.actor.id == tenant.ids["Admin"]


def test_a_list_is_on_record_with_filter_and_rows_whatever_it_shows(world, tenant):
    _, position, _ = captured(world, tenant)
    headers = {"Everlog-Min-Position": position}
    for stage in ("new", "nowhere"):
        world.ask("GET", f"/v1/prospects?stage={stage}", tenant.keys["Viewer"], headers)
    answer = world.ask("GET", "/v1/audit?limit=1", tenant.keys["Auditor"], headers)
    more = f"/v1/audit?limit=1&cursor={answer.json()['cursor']}"
    assert world.ask("GET", more, tenant.keys["Auditor"]).status_code == 200
    found = until(lambda: sum(len(each.fact.looks) for each in reads(world, tenant)) == 4 and reads(world, tenant))
    asked = [(each.fact.query, dict(world.logs.of(tenant.id).open(each.fact).filter)) for each in found]
    rows = [
        (name, given.get("stage"), look.rows)
        for each, (name, given) in zip(found, asked, strict=True)
        for look in each.fact.looks
    ]
    assert sorted(rows, key=str) == sorted(
        [
            ("prospects.list", "new", 1),
            ("prospects.list", "nowhere", 0),
            ("audit.trail", None, 1),
            ("audit.trail", None, 1),
        ],
        key=str,
    )
    assert {each.meta.permission for each in found if each.fact.query == "prospects.list"} == {"prospects.read"}
    assert all(each.fact.fields == () for each in found if each.fact.query == "prospects.list")
    assert not any("cursor" in given for _, given in asked)


def test_without_a_journal_nothing_is_shown(world, tenant, tmp_path):
    id, position, _ = captured(world, tenant)
    (tmp_path / "taken").write_text("a file where the folder should be")
    kept = world.edge.eyes._journal
    with Journal(tmp_path / "taken", world.logs, every=0.05) as broken:
        world.edge.eyes._journal = broken
        try:
            refused = world.ask("GET", f"/v1/prospects/{id}", tenant.keys["Admin"], {"Everlog-Min-Position": position})
        finally:
            world.edge.eyes._journal = kept
    assert (refused.status_code, refused.json()["code"]) == (503, "audit.unrecorded")
    assert "Retry-After" in refused.headers
    assert "Ada" not in refused.text


def test_the_personal_values_of_an_event_are_on_record_too(world, tenant):
    id, position, _ = captured(world, tenant)
    at = position.partition(":")[2]
    shown = world.ask("GET", f"/v1/audit/{at}", tenant.keys["Admin"], {"Everlog-Min-Position": position})
    assert shown.json()["fact"]["name"] == "Ada"
    until(lambda: any(id in each.meta.subjects for each in reads(world, tenant)))


def seen(world, tenant, actor, subject):
    return Seen(
        tenant=tenant.id,
        actor=Actor("key", actor),
        on_behalf_of=None,
        permission="prospects.read-personal",
        rule="",
        circumstances=Circumstances(ip="192.0.2.7"),
        query="prospects.get",
        filter=(("id", str(subject)),),
        fields=("name",),
        look=Look(world.logs.of(tenant.id).read(0, 1)[0].at, 1, (subject,)),
    )


def sealed(world, each):
    return seal(world.logs.of(each.tenant).token("journal", "seal"), each)


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


def damaged(world, tenant):
    return [each for each in world.logs.of(tenant.id).read(0, 100_000) if isinstance(each.fact, Damaged)]


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
