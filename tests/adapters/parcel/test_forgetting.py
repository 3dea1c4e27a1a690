"""A tenant that has arrived elsewhere is forgotten here, and what the other installation's keys lie under stays."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from adapters.erasures import Erasures
from adapters.keyring import BACK, Services
from adapters.kms import FileKMS
from adapters.ledger import Ledger
from adapters.log import Logs
from adapters.parcel import receipt as receipts
from adapters.parcel.identity import Identity, Unfit
from adapters.parcel.moving import Moving
from adapters.proofs.sealer import Sealer
from adapters.proofs.signer import Signer
from application.ports import Closed
from domain.prospects import Captured, Noted
from projections.proofs import note as notes
from tenants.keys import Denied, Left
from tests.adapters.parcel.test_parcel import Place, captured, meta
from tests.deciders import DECIDERS


class Refusing(FileKMS):
    refuses = False

    def unwrap(self, name, wrapped, ad):
        if self.refuses:
            raise Denied("No.")
        return super().unwrap(name, wrapped, ad)

    def destroy(self, name):
        if self.refuses:
            raise Denied("No.")
        super().destroy(name)


class Site(Struct):
    """An installation whose keys lie under a service that the other may use as well."""

    place: Place
    moving: Moving
    tenant: UUID
    signer: Signer

    @property
    def custody(self):
        return self.place.logs.rings.custody(self.tenant)

    @property
    def name(self):
        """Of whom the first event speaks, read with nothing at hand."""
        self.place.logs.rings.forget()
        log = self.place.logs.of(self.tenant)
        opened = log.open(log.read(0)[0].fact)
        assert isinstance(opened, Captured)
        return opened.name

    def seal(self):
        sealer = Sealer(self.tenant, self.place.worker, self.signer)
        while sealer.seal():
            pass

    def receipt(self, upto):
        return self.moving.receipt(self.tenant, upto, self.custody)

    def forget(self, proof, to):
        gone, lying = self.moving.forgettable(self.tenant, to.place.identity.public.fingerprint, proof, self.custody)
        Erasures(self.place.worker, self.place.ledger).leave(gone)
        return self.custody.destroy(lying)


def site(place, tenant, folder, kms, own):
    keys = folder / "keys"
    keys.mkdir(mode=0o700, parents=True)
    logs = Logs(place.worker, place.logs._committer, Services(kms, keys, lambda _: own), DECIDERS)
    made = Place(place.worker, logs, Ledger(keys), Identity(keys), place.worker)
    ledger = made.ledger
    return Site(made, Moving(made.worker, logs, keys), tenant, Signer(keys, lambda: 1, ledger.came))


@pytest.fixture
def own(tmp_path):
    """A key service of the tenant's own."""
    return Refusing(tmp_path / "own")


@pytest.fixture
def sites(here, there, moving, tmp_path, own):
    """Both use one key service, the worst that there is."""
    kms = FileKMS(tmp_path / "kms")
    old, new = (site(place, moving, tmp_path / name, kms, own) for place, name in ((here, "old"), (there, "new")))
    yield old, new
    for each in (old, new):
        each.place.logs.close()


def moved(old, new, folder):
    """All of it has arrived there; up to where."""
    captured(old.place, old.tenant)
    old.moving.close(old.tenant)
    old.seal()
    upto = old.moving.pack(old.tenant, "Acme", new.place.identity.public, 0, folder / "parcel", leaves=True)
    new.moving.unpack(folder / "parcel", old.place.identity.public)
    captured(new.place, old.tenant, "Grace")
    new.seal()
    return upto


def test_nothing_opens_here_and_all_of_it_there(sites, tmp_path):
    old, new = sites
    proof = new.receipt(moved(old, new, tmp_path))
    assert (old.name, new.name) == ("Ada", "Ada"), "the control: both open it until then"
    destroyed, withheld = old.forget(proof, new)
    assert (len(destroyed), withheld) == (3, [])
    assert old.custody.alive() == []
    with pytest.raises(Left):
        assert old.name
    with pytest.raises(Closed):
        old.place.logs.of(old.tenant).submit(f"prospects/{old.tenant}", 0, [Noted("met")], meta()).result(10)
    assert new.name == "Ada"
    assert captured(new.place, new.tenant, "Mary")


def test_it_is_refused_without_proof_that_all_of_it_has_arrived(sites, tmp_path):
    old, new = sites
    captured(old.place, old.tenant, "First")
    old.seal()
    with pytest.raises(Unfit, match="has not left"):
        old.forget(b"", new)
    proof = new.receipt(moved(old, new, tmp_path))
    with pytest.raises(Unfit, match="no receipt"):
        old.forget(b"", new)
    with pytest.raises(Unfit, match="another installation"):
        old.forget(proof, old)
    raw = msgspec.json.decode(proof.removeprefix(receipts.MARK), type=receipts.Signed)
    altered = msgspec.structs.replace(raw, receipt=raw.receipt.replace(b'"names":[', b'"names":["x",'))
    with pytest.raises(Unfit, match="altered"):
        old.forget(receipts.MARK + msgspec.json.encode(altered), new)
    assert old.name == "First"
    assert old.forget(proof, new)[0]


def signed(old, root):
    """A checkpoint of the log's own name and size, with this root, that somebody has signed; with their key."""
    private, name = Ed25519PrivateKey.generate(), notes.name(old.tenant)
    with old.signer.hold(old.tenant) as held:
        size, _ = notes.parse(held.last)
    public = private.public_key().public_bytes_raw()
    checkpoint = notes.Checkpoint(notes.origin(old.tenant, 1), size, root, datetime.now(UTC), 0)
    line = notes.signature_line(name, public, private.sign(checkpoint.text.encode()))
    return {"note": notes.note(checkpoint, line), "key": notes.verifier_key(name, public), "path": ()}


def test_it_is_refused_with_a_checkpoint_of_anything_else(sites, tmp_path):
    old, new = sites
    proof = new.receipt(moved(old, new, tmp_path))
    found = receipts.read(proof, new.place.identity.public.fingerprint)
    with old.signer.hold(old.tenant) as held:
        ours, (_, root) = held.last, notes.parse(held.last)
    wrong = {
        "of another organisation": {"tenant": uuid4()},
        "own": {"note": ours, "key": old.signer.key(old.tenant)},
        "none of this log": {"note": found.note.replace(f"{old.tenant}", f"{uuid4()}")},
        "was closed here": signed(old, bytes(32)),
        "which arrived": {"after": found.after + 1},
    }
    for why, fields in wrong.items():
        with pytest.raises(Unfit, match=why.replace("which arrived", "was closed here")):
            old.forget(receipts.write(msgspec.structs.replace(found, **fields), new.place.identity), new)
    assert old.name == "Ada"
    # The control: made in the same way, and of this log.
    assert old.forget(receipts.write(msgspec.structs.replace(found, **signed(old, root)), new.place.identity), new)[0]


def test_a_later_checkpoint_proves_it_too(sites, tmp_path):
    """The sealer there did not stop where the log was closed, since it was not sealed up to its end when it left."""
    old, new = sites
    captured(old.place, old.tenant)
    old.moving.close(old.tenant)
    upto = old.moving.pack(old.tenant, "Acme", new.place.identity.public, 0, tmp_path / "parcel", leaves=True)
    new.moving.unpack(tmp_path / "parcel", old.place.identity.public)
    captured(new.place, old.tenant, "Grace")
    with pytest.raises(Unfit, match="No checkpoint"):
        new.receipt(upto)
    new.seal()
    proof = new.receipt(upto)
    assert receipts.read(proof, new.place.identity.public.fingerprint).path
    with pytest.raises(Unfit, match="not signed here yet"):
        old.forget(proof, new)
    old.seal()
    assert old.forget(proof, new)[0]


def test_keys_that_are_the_others_too_are_not_destroyed(sites, tmp_path, monkeypatch):
    """As an earlier release named them, which took what came under the names that it had."""
    old, new = sites
    with monkeypatch.context() as earlier:
        earlier.setattr(Services, "_arrival", lambda *_: "")
        upto = moved(old, new, tmp_path)
    with pytest.raises(Unfit, match="keys of the same names") as refused:
        old.forget(new.receipt(upto), new)
    assert f"{old.tenant}.tokens.1" in str(refused.value)
    assert (old.name, new.name) == ("Ada", "Ada")
    for place in new.custody.alive():
        # The control: had it done so, the new installation would open nothing either.
        assert place in old.custody.alive() or place.name in {each.name for each in old.custody.alive()}
    assert new.custody.bring(BACK) == 3
    destroyed, withheld = old.forget(new.receipt(upto), new)
    assert (destroyed, withheld) == ([], []), "the new one's have gone to other names, which destroyed these"
    assert new.name == "Ada"


def test_the_tenants_own_service_is_used_by_both(sites, tmp_path):
    old, new = sites
    captured(old.place, old.tenant, "First")
    assert old.custody.bring("own") == 3
    upto = moved(old, new, tmp_path)
    assert new.custody.bring("own") == 3
    destroyed, _ = old.forget(new.receipt(upto), new)
    assert all(each.endswith(".1") for each in destroyed)
    assert new.name == "First"
    assert len(new.custody.alive()) == 3


def test_what_an_owner_has_taken_back_stays_for_them(sites, tmp_path, own):
    old, new = sites
    captured(old.place, old.tenant, "First")
    old.custody.bring("own")
    proof = new.receipt(moved(old, new, tmp_path))
    own.refuses = True
    destroyed, withheld = old.forget(proof, new)
    assert (destroyed, len(withheld)) == ([], 3)
    with pytest.raises(Left):
        assert old.name
    own.refuses = False
    assert old.forget(proof, new) == (withheld, [])


def test_cut_short_it_is_finished_by_the_next_and_then_changes_nothing(sites, tmp_path, monkeypatch):
    old, new = sites
    proof, destroy, left = new.receipt(moved(old, new, tmp_path)), FileKMS.destroy, [1]

    def cut(kms, name):
        if not left:
            raise OSError
        left.pop()
        destroy(kms, name)

    monkeypatch.setattr(FileKMS, "destroy", cut)
    with pytest.raises(OSError):  # noqa: PT011 - it has no words
        old.forget(proof, new)
    monkeypatch.undo()
    with pytest.raises(Left):
        assert old.name
    ledger = old.place.ledger.path.read_bytes()
    assert len(old.forget(proof, new)[0]) == 2
    assert old.forget(proof, new) == ([], [])
    assert old.place.ledger.path.read_bytes() == ledger
    with pytest.raises(Unfit, match="was forgotten"):
        old.moving.reopen(old.tenant)
    with pytest.raises(Unfit, match="was forgotten"):
        old.moving.unpack(parcel_back(old, new, tmp_path), new.place.identity.public)


def parcel_back(old, new, folder):
    new.moving.pack(new.tenant, "Acme", old.place.identity.public, 0, folder / "back", leaves=False)
    return folder / "back"


def test_a_backup_of_before_it_left_is_closed_before_anything_is_served(sites, tmp_path):
    old, new = sites
    old.forget(new.receipt(moved(old, new, tmp_path)), new)
    database, head = old.place.worker, "select closed from everlog.heads where tenant_id = %s"
    database.query(old.tenant, "update everlog.heads set closed = null where tenant_id = %s", [old.tenant])
    Erasures(database, Ledger(old.place.ledger.folder)).settle()
    assert database.query(old.tenant, head, [old.tenant]) == [("left",)]
    with pytest.raises(Left):
        assert old.name
