"""A tenant moves to another installation, with another database and other keys: the same log, byte for byte."""

import io
from uuid import UUID, uuid4

import psycopg
import pytest
from msgspec import Struct

from adapters import ledger
from adapters.codec.leaf import Bytes, leaf
from adapters.erasures import Erasures
from adapters.kms import FileKMS
from adapters.ledger import Ledger
from adapters.log import Logs
from adapters.parcel.identity import Identity, Unfit, parse
from adapters.parcel.moving import Moving
from adapters.parcel.pack import Packing, pack
from adapters.parcel.unpack import Unpacking
from adapters.postgres.committer import Committer
from adapters.postgres.database import Database, found
from adapters.postgres.migrate import migrate
from adapters.proofs.sealer import Sealer
from adapters.proofs.signer import Refusing, Signer
from application.kernel import Once
from application.ports import Closed, Reused, SubjectErased, Taken
from domain.kernel import Actor, Circumstances, Erased, Meta
from domain.prospects import Captured, Noted
from projections.proofs.tree import Frontier
from projections.proofs.tree import leaf as hashed
from tests.adapters.postgres.test_migrate import at
from tests.deciders import DECIDERS

ACTOR = Actor("user", UUID(int=7))
ROWS = """
    select tenant_id, generation, position, recorded_at, stream, version, type, event_id, meta, body, salt
    from everlog.events where tenant_id = %s order by position"""


class Place(Struct, frozen=True):
    """An installation."""

    database: Database
    logs: Logs
    ledger: Ledger
    identity: Identity
    worker: Database

    def root(self, tenant):
        frontier = Frontier()
        for row in self.database.query(tenant, ROWS, [tenant]):
            frontier.add(hashed(leaf(Bytes(*row))))
        return frontier.size, frontier.root


@pytest.fixture(scope="module")
def here(database, committer, migrated, tmp_path_factory):
    keys = tmp_path_factory.mktemp("here") / "keys"
    worker = Database(migrated.addresses.worker)
    with worker, Logs(database, committer, FileKMS(keys), DECIDERS) as logs:
        yield Place(database, logs, Ledger(keys), Identity(keys), worker)


@pytest.fixture(scope="module")
def there(servers, migrated, tmp_path_factory):
    """Another database, with its own keys."""
    keys, name = tmp_path_factory.mktemp("there") / "keys", f"there_{uuid4().hex[:8]}"
    addresses = servers.addresses
    with psycopg.connect(addresses.superuser, autocommit=True) as connection:
        connection.execute(f"create database {name} owner everlog_owner")
    owner, app, worker = (at(url, database=name) for url in (addresses.owner, addresses.app, addresses.worker))
    migrate(owner, app, worker)
    with (
        Database(app) as database,
        Database(worker) as keeper,
        Committer(app) as committer,
        Logs(database, committer, FileKMS(keys), DECIDERS) as logs,
    ):
        yield Place(database, logs, Ledger(keys), Identity(keys), keeper)
    with psycopg.connect(addresses.superuser, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def moving(here):
    tenant = uuid4()
    found(here.database, tenant)
    return tenant


def meta():
    return Meta(uuid4(), ACTOR, "prospects.capture", circumstances=Circumstances("192.0.2.1", reason="call"))


def captured(place, tenant, name="Ada", once=None):
    id = uuid4()
    fact = Captured(name, f"{name}@example.org", "engines")
    place.logs.of(tenant).submit(f"prospects/{id}", 0, [fact], meta(), once).result(10)
    return id


def packed(here, there, tenant, after=0, *, leaves=True, upto=None):
    if leaves:
        here.database.query(tenant, "update everlog.heads set closed = 'left' where tenant_id = %s", [tenant])
    generation, head = here.logs.of(tenant).head()
    file = io.BytesIO()
    asked = Packing(tenant, "Acme", generation, after, upto or head, leaves)
    pack(asked, here.database, here.logs.rings.of(tenant), file, there.identity.public, here.identity)
    return file


def unpacked(file, here, there, tenant):
    arriving = Unpacking(file, here.identity.public, there.identity)
    return arriving.run(there.database, there.logs.rings.of(tenant), there.ledger)


def test_the_log_is_the_same_and_opens_and_goes_on(here, there, moving):
    once = Once(uuid4(), "key", b"request")
    first = captured(here, moving, "Ada", once)
    captured(here, moving, "Grace")
    before = here.root(moving)
    arrival = unpacked(packed(here, there, moving), here, there, moving)
    assert (arrival.name, arrival.upto, arrival.here) == ("Acme", 2, True)
    assert there.root(moving) == before
    log = there.logs.of(moving)
    assert log.open(log.read(0)[0].fact).name == "Ada"
    assert log.open(log.read(0)[0].meta.circumstances).ip == "192.0.2.1"
    # What was unique is unique, and what was done once is done once.
    with pytest.raises(Taken):
        log.submit(f"prospects/{uuid4()}", 0, [Captured("Ada", "ada@EXAMPLE.org", "x")], meta()).result(10)
    with pytest.raises(Reused):
        log.submit(f"prospects/{uuid4()}", 0, [], meta(), Once(once.credential, "key", b"another")).result(10)
    assert log.submit(f"prospects/{first}", 1, [Noted("met")], meta()).result(10).first == 3


def test_a_tenant_is_never_written_to_in_both(here, there, moving):
    id = captured(here, moving)
    file = packed(here, there, moving, leaves=False)
    unpacked(file, here, there, moving)
    noted = [Noted("met")]
    with pytest.raises(Closed):
        there.logs.of(moving).submit(f"prospects/{id}", 1, noted, meta()).result(10)
    assert here.logs.of(moving).submit(f"prospects/{id}", 1, noted, meta()).result(10).first == 2
    captured(here, moving, "Grace")
    unpacked(packed(here, there, moving, after=1), here, there, moving)
    with pytest.raises(Closed):
        here.logs.of(moving).submit(f"prospects/{id}", 2, noted, meta()).result(10)
    assert there.root(moving) == here.root(moving)
    log = there.logs.of(moving)
    assert log.open(log.read(2)[0].fact).name == "Grace"
    assert log.submit(f"prospects/{id}", 2, noted, meta()).result(10).first == 4


def test_who_was_erased_stays_erased(here, there, moving):
    id = captured(here, moving)
    unpacked(packed(here, there, moving, leaves=False), here, there, moving)
    Erasures(here.database, here.ledger).erase(moving, [id])
    here.logs.rings.of(moving).forget([id])
    other = captured(here, moving, "Grace")
    Erasures(here.database, here.ledger).erase(moving, [other])
    root = here.root(moving)
    unpacked(packed(here, there, moving, after=1), here, there, moving)
    epochs = dict(
        there.database.query(moving, "select subject, epoch from everlog.subject_keys where tenant_id = %s", [moving])
    )
    assert (epochs[id], epochs[other]) == (-1, 0), "a worker clears what was folded while there was a key here"
    log = there.logs.of(moving)
    assert log.open(log.read(0)[0].fact).name == Erased()
    assert id in {each.subject for each in there.ledger.read() if isinstance(each, ledger.Erased)}
    assert there.root(moving) == root
    with pytest.raises(SubjectErased):
        log.submit(f"prospects/{id}", 1, [Noted("met")], meta()).result(10)


def test_a_parcel_cut_short_in_the_middle_is_taken_up_again(here, there, moving, monkeypatch):
    for name in ("Ada", "Grace", "Mary"):
        captured(here, moving, name)
    monkeypatch.setattr("adapters.parcel.pack.MANY", 1)
    file = packed(here, there, moving)
    arriving = Unpacking(file, here.identity.public, there.identity)
    frames = list(arriving._reader.frames())
    monkeypatch.setattr(arriving._reader, "frames", lambda: iter(frames[:3]))
    with pytest.raises(Unfit, match="ends at 0"):
        arriving.run(there.database, there.logs.rings.of(moving), there.ledger)
    assert there.logs.of(moving).head() == (1, 2)
    assert unpacked(file, here, there, moving).upto == 3
    assert there.root(moving) == here.root(moving)


def test_it_is_refused_where_the_tenant_is_already_or_a_part_is_missing(here, there, moving):
    captured(here, moving)
    captured(here, moving, "Grace")
    with pytest.raises(Unfit, match="before it first"):
        unpacked(packed(here, there, moving, after=1), here, there, moving)
    whole = packed(here, there, moving)
    unpacked(whole, here, there, moving)
    with pytest.raises(Unfit, match="here already"):
        unpacked(whole, here, there, moving)


def test_nobody_else_opens_it_and_nobody_alters_it(here, there, moving, tmp_path):
    captured(here, moving)
    raw = packed(here, there, moving).getvalue()
    assert b"Acme" not in raw
    assert b"prospects" not in raw
    stranger = Identity(tmp_path)
    with pytest.raises(Unfit, match="another installation"):
        Unpacking(io.BytesIO(raw), here.identity.public, stranger)
    with pytest.raises(Unfit, match="not signed"):
        Unpacking(io.BytesIO(raw), stranger.public, there.identity)
    for place in [*range(0, len(raw), max(1, len(raw) // 60)), len(raw) - 1]:
        altered = bytearray(raw)
        altered[place] ^= 1
        with pytest.raises(Unfit):
            Unpacking(io.BytesIO(bytes(altered)), here.identity.public, there.identity)
    for many in (0, 10, len(raw) // 2, len(raw) - 1):
        with pytest.raises(Unfit):
            Unpacking(io.BytesIO(raw[:many]), here.identity.public, there.identity)


def test_an_installation_is_named_by_its_keys(here, tmp_path):
    assert parse(str(here.identity.public)) == here.identity.public
    assert Identity(here.ledger.folder).public == here.identity.public
    assert (here.ledger.folder / "identity").stat().st_mode & 0o777 == 0o600
    with pytest.raises(Unfit, match="everlog tenants identity"):
        parse("everlog-installation+AAAA")


def test_a_later_generation_is_sealed_where_it_arrives_as_it_was_signed_where_it_left(
    here, there, tmp_path, monkeypatch
):
    monkeypatch.setattr("adapters.parcel.moving.PATIENCE", 0.0)
    moving = uuid4()
    here.database.query(moving, "insert into everlog.heads (tenant_id, generation) values (%s, 2)", [moving])
    captured(here, moving)
    captured(here, moving, "Grace")
    signed = Signer(here.ledger.folder, lambda: 2)
    assert Sealer(moving, here.worker, signed).seal() == 2
    first, second = tmp_path / "first", tmp_path / "second"
    ours, theirs = (Moving(each.database, each.logs, each.ledger.folder) for each in (here, there))
    ours.pack(moving, "Acme", theirs.identity, 0, first, leaves=False)
    theirs.unpack(first, ours.identity)
    assert there.ledger.came(moving).note == ""
    captured(here, moving, "Mary")
    ours.close(moving)
    assert Sealer(moving, here.worker, signed).seal() == 1
    ours.pack(moving, "Acme", theirs.identity, 2, second, leaves=True)
    theirs.unpack(second, ours.identity)
    came = there.ledger.came(moving)
    assert (came.generation, came.key) == (2, signed.key(moving))
    sealer = Sealer(moving, there.worker, Signer(there.ledger.folder, lambda: 1, there.ledger.came))
    assert sealer.seal() == 3
    with Signer(there.ledger.folder, lambda: 1).hold(moving) as held:
        last = f"{held.last}"
    assert last.split("\n")[:3] == came.note.split("\n")[:3]
    assert last != came.note
    # Nobody began the generation here, and without its having come it would be sealed by nobody.
    alone = Sealer(moving, there.worker, Signer(there.ledger.folder, lambda: 1))
    with pytest.raises(Refusing, match="stands in generation 2"):
        alone.seal()


def test_a_checkpoint_of_another_log_does_not_come_with_a_parcel(here, there, moving):
    captured(here, moving)
    signed = Signer(here.ledger.folder, lambda: 1)
    assert Sealer(moving, here.worker, signed).seal() == 1
    with signed.hold(moving) as held:
        note, known = f"{held.last}", f"{signed.key(moving)}"
    here.database.query(moving, "update everlog.heads set closed = 'left' where tenant_id = %s", [moving])
    for said, key in ((note.replace(str(moving), str(uuid4())), known), (note, "none")):
        file = io.BytesIO()
        asked = Packing(moving, "Acme", 1, 0, 1, True, "", said, key)
        pack(asked, here.database, here.logs.rings.of(moving), file, there.identity.public, here.identity)
        with pytest.raises(Unfit, match="does not fit"):
            unpacked(file, here, there, moving)
