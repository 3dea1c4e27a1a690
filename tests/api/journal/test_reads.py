"""Who read what about whom is in the log, once, and nothing is shown that cannot be written down."""

from datetime import datetime
from uuid import uuid4

from msgspec.structs import replace

from adapters.journal import Journal
from adapters.journal.drain import carry
from adapters.journal.segment import Segment
from tests.api.journal.story import captured, reads, sealed, seen
from tests.waiting import until


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
    assert {each["type"] for each in asked.json()["items"]} == {"audit.read", "audit.signed-in"}
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


def looked(world, tenant, folder, *traces):
    """Answers to several requests that differ in nothing else, carried over together: the event, and its looks."""
    made = seen(world, tenant, tenant.ids["Admin"], uuid4())
    given = [replace(made, look=replace(made.look, correlation=uuid4(), trace=trace)) for trace in traces]
    segment = Segment.create(folder)
    segment.write([sealed(world, each) for each in given])
    carry(segment, world.logs)
    [read] = reads(world, tenant)
    assert read.fact.looks == tuple(each.look for each in given)
    return read, read.fact.looks


def entries(world, tenant, read, **asked):
    headers = {"Everlog-Min-Position": f"1:{read.position}"}
    answer = world.ask("GET", "/v1/audit", tenant.keys["Auditor"], headers, params=asked)
    return answer.json()["items"]


def test_a_request_finds_what_it_read_by_its_correlation_and_its_trace(world, tenant, tmp_path):
    _, position, _ = captured(world, tenant)
    read, looks = looked(world, tenant, tmp_path, "00-a", "00-b", "00-b")
    for look in looks:
        for name in ("correlation", "trace"):
            found = entries(world, tenant, read, **{name: str(getattr(look, name))})
            assert [each["position"] for each in found] == [read.position], name
            counted = world.ask("GET", "/v1/audit/facets", tenant.keys["Auditor"], params={name: getattr(look, name)})
            assert counted.json()["total"] == 1
    assert entries(world, tenant, read, correlation=str(uuid4())) == []
    assert entries(world, tenant, read, trace="00-") == [], "the control: a part of it is another"
    # What was done is found by the same filter, by what stands in its own metadata.
    [done] = world.logs.of(tenant.id).read(int(position.partition(":")[2]) - 1, 1)
    asked = {"correlation": str(done.meta.correlation)}
    assert done.position in [each["position"] for each in entries(world, tenant, read, **asked)]


def test_what_all_looks_share_stands_in_the_entry_and_so_does_when_the_last_was(world, tenant, tmp_path):
    read, (*_, last) = looked(world, tenant, tmp_path, "00-a", "00-a")
    [entry] = entries(world, tenant, read, type="audit.read")
    assert (entry["correlation"], entry["trace"]) == (None, "00-a"), "two requests of one trace"
    assert datetime.fromisoformat(entry["occurred_at"]) == last.at < read.at


def test_who_is_told_what_somebody_looked_for_is_on_record(world, tenant):
    """The words of an export, and of a search that is shared; without words, neither shows anything about a person."""
    officer, admin = tenant.keys["Auditor"], tenant.keys["Admin"]
    for words in ({}, {"q": "ada"}):
        taken = world.ask("GET", "/v1/audit/export", officer, params=words | {"code": "none"})
        id = world.ask("POST", "/v1/searches", officer, json={"name": "Mine", "filter": words}).json()["id"]
        done = world.ask("POST", f"/v1/searches/{id}/share", officer, json={})
        world.ask("GET", f"/v1/audit/exports/{taken.headers['Everlog-Export']}", admin)
        headers = {"Everlog-Min-Position": done.headers["Everlog-Position"]}
        assert world.ask("GET", "/v1/searches?shared=true", admin, headers).json()["items"]
    by = tenant.ids["Auditor"]

    def told():
        return {each.fact.query: each.fact for each in reads(world, tenant) if each.meta.subjects[:1] == (by,)}

    found = until(lambda: told().keys() >= {"exports.get", "searches.list"} and told())
    assert {each.fields for each in found.values()} == {("filter",)}
    assert sum(len(each.looks) for each in found.values()) == len(found)


def test_who_is_not_shown_it_is_not_on_record_as_having_seen_it(world, tenant):
    """An address that somebody looks for. The control: who may see it, is."""
    officer, admin = tenant.keys["Auditor"], tenant.keys["Admin"]
    narrow = world.key(tenant, "Admin", "narrow", scopes=("audit.read",))
    id = world.ask("POST", "/v1/searches", officer, json={"name": "Mine", "filter": {"ip": "192.0.2.1"}}).json()["id"]
    done = world.ask("POST", f"/v1/searches/{id}/share", officer, json={})
    for key in (narrow, admin):
        world.ask("GET", "/v1/searches?shared=true", key, {"Everlog-Min-Position": done.headers["Everlog-Position"]})

    def lists():
        found = [each for each in reads(world, tenant) if each.fact.query == "searches.list"]
        return {each.meta.actor.id: [look.subjects for look in each.fact.looks] for each in found}

    found = until(lambda: len(lists()) == 2 and lists())
    assert found.pop(tenant.ids["Admin"]) == [(tenant.ids["Auditor"],)]
    assert list(found.values()) == [[()]]


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


def exported(world, tenant, id):
    return world.ask("GET", f"/v1/privacy/subjects/{id}/export", tenant.keys["Admin"])


def test_a_person_is_told_who_read_what_of_them_and_nothing_of_whom_else_that_showed(world, tenant):
    people = [captured(world, tenant, name) for name in ("Ada", "Bob")]
    waits = {"Everlog-Min-Position": people[-1][1]}
    for role in ("Member", "Viewer"):
        assert len(world.ask("GET", "/v1/prospects", tenant.keys[role], waits).json()["items"]) == 2
    until(lambda: {each.meta.actor.id for each in reads(world, tenant)} == {tenant.ids["Member"], tenant.ids["Viewer"]})
    ids = [str(id) for id, *_ in people]
    answers = [exported(world, tenant, id) for id in ids]
    for id, other, answer in zip(ids, reversed(ids), answers, strict=True):
        [read] = [each for each in answer.json()["accesses"] if each["type"] == "audit.read"]
        assert (read["actor"], read["subject"]) == (str(tenant.ids["Member"]), id), (
            "a Viewer was shown nothing personal"
        )
        assert (read["fact"]["query"], len(read["fact"]["looks"])) == ("prospects.list", 1)
        assert {"name", "email"} <= set(read["fact"]["fields"])
        assert other not in answer.text
    # What somebody read is among their own acts, and nothing that was done about them.
    told = exported(world, tenant, tenant.ids["Member"]).json()
    assert [[each["type"] for each in told[name]].count("audit.read") for name in ("acts", "accesses")] == [1, 0]
