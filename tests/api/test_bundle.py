"""A bundle that the server writes is verified by Python alone; what is left out, shown too much or edited is not."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from adapters.erasures import Erasures
from adapters.ledger import Ledger
from adapters.proofs.proven import Proven
from adapters.proofs.sealer import Sealer
from api import bundle
from api.placed import placed
from api.settings import Unset
from projections.proofs.chosen import Choice
from tests.api.test_proofs import person, verified


@pytest.fixture(scope="module")
def sealed(world):
    tenant = world.tenant()
    for _ in range(4):
        person(world, tenant)
    while Sealer(tenant.id, world.keeper, world.signer).seal():
        pass
    return tenant


@pytest.fixture
def lines(world, sealed):
    proven = Proven(world.database, world.signer)
    return lambda **sought: [json.loads(each) for each in proven.bundle(sealed.id, Choice(**sought))]


def text(lines):
    return "".join(json.dumps(each) + "\n" for each in lines).encode()


def shown(event):
    return not event["digests"]


def recorded(world, tenant):
    sql = "select type, stream, recorded_at, meta from everlog.events where tenant_id = %s order by position"
    rows = world.database.query(tenant.id, sql, [tenant.id])
    return [(type, stream, at, json.loads(meta)) for type, stream, at, meta in rows]


def filters(world, tenant):
    """Each filter by a value of the last event, and what the log itself says matches it."""
    log = recorded(world, tenant)
    type, stream, at, meta = log[-1]
    actor = meta["actor"]
    subject = meta["subjects"][0]
    past = at - timedelta(microseconds=1)
    return {
        "type": ({"type": [type]}, [e[0] == type for e in log]),
        "permission": (
            {"permission": [meta["permission"]]},
            [e[3].get("permission") == meta["permission"] for e in log],
        ),
        "stream": ({"stream": [stream]}, [e[1] == stream for e in log]),
        "prefix": ({"stream": ["prospects/"]}, [e[1].startswith("prospects/") for e in log]),
        "actor": ({"actor": [f"{actor['kind']}/{actor['id']}"]}, [e[3].get("actor") == actor for e in log]),
        "subjects": ({"subjects": [subject]}, [subject in e[3].get("subjects", []) for e in log]),
        "since": ({"since": at}, [e[2] >= at for e in log]),
        "before": ({"before": past}, [e[2] < past for e in log]),
    }


NAMES = ("type", "permission", "stream", "prefix", "actor", "subjects", "since", "before")


@pytest.mark.parametrize("name", NAMES)
def test_a_filtered_bundle_shows_what_matches_and_of_the_rest_only_that_it_does_not(
    world, sealed, lines, tmp_path, name
):
    sought, matching = filters(world, sealed)[name]
    head, *events, _ = found = lines(**sought)
    code, told = verified(tmp_path, text(found))
    assert (code, told["shown"], told["events"]) == (0, sum(matching), len(events)), told
    assert [shown(each) for each in events] == matching
    assert 0 < sum(matching) < len(matching)
    assert all(each["fields"].keys() == head["filter"].keys() for each in events if not shown(each))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_withheld_left_out_or_shown_too_much_is_found(world, sealed, lines, tmp_path, name):
    sought, matching = filters(world, sealed)[name]
    full = lines()
    found = lines(**sought)
    one, other = matching.index(True) + 1, matching.index(False) + 1
    gone = [each for at, each in enumerate(found) if at != one]
    gone[-1] = {**gone[-1], "count": len(gone) - 2}
    hidden = list(found)
    hidden[one] = next(each for each in lines(type=["no.such"]) if each.get("position") == one)
    over = list(found)
    over[other] = full[other]
    for changed in (gone, hidden, over):
        assert verified(tmp_path, text(changed))[0] == 1, name


def test_a_span_and_chosen_events_are_verified_too(lines, tmp_path):
    size = lines()[0]["last"]
    for first, last in ((1, 1), (2, size - 1), (size, size), (1, size)):
        assert verified(tmp_path, text(lines(first=first, last=last)))[0] == 0
    found = lines(positions=[size, 2, 2])
    code, told = verified(tmp_path, text(found))
    assert (code, told["events"], found[0]["complete"]) == (0, 2, False)
    found[1]["position"] = 3
    assert verified(tmp_path, text(found))[0] == 1


def test_the_file_is_there_once_it_is_whole_and_what_is_not_sealed_is_said(world, sealed, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "WAIT", 0.0)
    proven, file = Proven(world.database, world.signer), tmp_path / "bundle"
    size = world.logs.of(sealed.id).head()[1]
    with pytest.raises(Unset, match=f"up to position {size}"):
        bundle.opened(lambda: proven.bundle(sealed.id, Choice(last=size + 1)))

    def broken():
        with placed(file) as half:
            half.write(b"half")
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - it is the one raised above
        broken()
    assert list(tmp_path.iterdir()) == []
    head, lines = bundle.opened(lambda: proven.bundle(sealed.id, Choice(before=datetime.now(UTC))))
    with placed(file) as whole:
        whole.writelines([head, *lines])
    assert (file.stat().st_mode & 0o777, verified(tmp_path, file.read_bytes())[0]) == (0o600, 0)


def test_a_bundle_is_the_same_after_a_subject_of_it_was_erased(world, sealed, lines, tmp_path):
    before = lines()
    subject = recorded(world, sealed)[-1][3]["subjects"][0]
    gone = "select erased_at is not null from everlog.subject_keys where tenant_id = %s and subject = %s"
    assert world.keeper.query(sealed.id, gone, [sealed.id, subject]) == [(False,)]
    Erasures(world.keeper, Ledger(tmp_path / "ledger")).erase(sealed.id, [UUID(subject)])
    assert world.keeper.query(sealed.id, gone, [sealed.id, subject]) == [(True,)]
    after = lines(last=before[0]["last"])
    assert (after[1:-1], verified(tmp_path, text(after))[0]) == (before[1:-1], 0)


def test_what_the_superuser_edits_no_longer_verifies(world, migrated, tmp_path):
    tenant, proven = world.tenant(), Proven(world.database, world.signer)
    while Sealer(tenant.id, world.keeper, world.signer).seal():
        pass
    for code in (0, 1):
        assert verified(tmp_path, b"".join(proven.bundle(tenant.id, Choice(type=["no.such"]))))[0] == code
        with psycopg.connect(migrated.addresses.superuser) as attacker:
            attacker.execute(
                "update everlog.events set body = body || ' ' where tenant_id = %s and position = 1", [tenant.id]
            )


@pytest.mark.parametrize(
    "asked", [{"positions": [2], "type": ["x"]}, {"positions": [2], "last": 3}, {"first": 3, "last": 2}]
)
def test_what_contradicts_itself_is_refused(asked):
    with pytest.raises(Unset):
        bundle.Sought(**asked).choice()
    assert bundle.Sought(first=2, last=3).choice() == Choice(first=2, last=3)
