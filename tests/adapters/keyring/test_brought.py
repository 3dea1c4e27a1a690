"""Which key service a tenant's keys lie under is said beside the database, and a move leaves nothing behind."""

from uuid import UUID, uuid4

import pytest

from adapters.keyring import BACK, Cache, Custody, Keys, Ring, Services
from adapters.kms import FileKMS
from adapters.postgres.database import Database
from tenants.keys import Denied, Destroyed, Missing, Revoked

SUBJECT = UUID(int=7)


class Refusing(FileKMS):
    refuses = False

    def unwrap(self, name, wrapped, ad):
        if self.refuses:
            raise Denied("No.")
        return super().unwrap(name, wrapped, ad)


class House:
    """One tenant's keys, under a folder, and others to go to."""

    def __init__(self, migrated, database, tenant, folder):
        self.tenant, self.database = tenant, database
        self.worker = Database(migrated.addresses.worker)
        self.worker.open()
        self.made = {name: Refusing(folder / name) for name in ("here", "one", "two")}
        self.folder = folder
        self.services = self.process()
        self.keys = Keys(tenant, self.worker, self.services)
        self.custody = Custody(self.worker, self.services, Ring(self.keys, self.worker, Cache()))

    def process(self):
        return Services(self.made["here"], self.folder, self.made.__getitem__)

    def ring(self):
        """Of another process, which has nothing at hand."""
        return Ring(Keys(self.tenant, self.database, self.process()), self.database, Cache())

    def held(self, name):
        return {each.name for each in (self.folder / name).iterdir() if not each.name.endswith(".destroyed")}


@pytest.fixture
def house(migrated, database, tenant, tmp_path):
    made = House(migrated, database, tenant, tmp_path)
    made.ring().ensure([SUBJECT])
    yield made
    made.worker.close()


def test_a_tenant_goes_to_its_own_service_and_to_another_and_back(house):
    box = house.ring().fetch([SUBJECT])[SUBJECT].seal(b"secret", "here")
    token = house.ring().token("mail", "a")
    running = house.ring()
    running.fetch([SUBJECT])
    before = None
    for setting, place in (("one", "one"), ("two", "two"), (BACK, "here")):
        assert house.custody.bring(setting) == 3
        assert house.custody.bring(setting) == 0
        assert {name: len(house.held(name)) for name in house.made} == {
            name: 3 * (name == place) for name in house.made
        }
        assert house.services.own(house.tenant) == (setting != BACK)
        for ring in (house.ring(), running):
            ring.keys.forget()
            assert ring.fetch([SUBJECT])[SUBJECT].open(box, "here") == b"secret"
            assert ring.token("mail", "a") == token
        assert house.held(place) != before
        before = house.held(place)


def test_a_move_that_was_cut_short_is_finished_by_the_next(house):
    service, wrap, left = house.made["one"], house.made["one"].wrap, [1]

    def cut(*given):
        left[0] -= 1
        if left[0] < 0:
            raise ConnectionError
        return wrap(*given)

    service.wrap = cut
    with pytest.raises(ConnectionError):
        house.custody.bring("one")
    service.wrap = wrap
    box = house.ring().fetch([SUBJECT])[SUBJECT].seal(b"secret", "here")
    assert house.custody.bring("one") == 2
    assert house.ring().fetch([SUBJECT])[SUBJECT].open(box, "here") == b"secret"
    assert house.held("here") == set()


def test_what_was_read_before_a_move_and_asked_for_after_it_is_no_erasure(house):
    """A process has read the old wrapping; before it asks the old service, the key is moved and destroyed there."""
    box = house.ring().fetch([SUBJECT])[SUBJECT].seal(b"secret", "here")
    late, unwrap = house.ring(), house.made["here"].unwrap

    def slow(*given):
        house.made["here"].unwrap = unwrap
        house.custody.bring("one")
        return unwrap(*given)

    house.made["here"].unwrap = slow
    assert late.fetch([SUBJECT])[SUBJECT].open(box, "here") == b"secret"


def test_the_database_cannot_say_where_a_key_is_to_be_sent(house):
    house.custody.bring("one")
    for marked in ("2/x", "0/x", "-1/x", "vault:https://evil.example?token=/etc/x/y"):
        with pytest.raises(Missing):
            house.services.at(house.tenant, marked)
    with pytest.raises(Missing):
        house.services.at(uuid4(), "1/x")


def test_a_refusal_of_its_own_service_is_told_as_its_owner_s(house):
    house.custody.bring("one")
    house.made["one"].refuses = True
    with pytest.raises(Revoked, match="own key service"):
        house.ring().fetch([SUBJECT])


def test_a_new_epoch_lies_where_the_others_do(house):
    house.custody.bring("one")
    assert house.keys.turn() in house.keys._renewal.get().made
    assert len(house.held("one")) == 4
    assert house.held("here") == set()


def test_a_setting_that_names_no_service_changes_nothing(house):
    with pytest.raises(KeyError):
        house.custody.bring("three")
    assert house.services.settings(house.tenant) == []
    assert house.ring().fetch([SUBJECT])


def test_destroyed_in_its_own_service_is_destroyed(house):
    house.custody.bring("one")
    service = house.made["one"]
    [name] = [each for each in house.held("one") if ".tokens." in each]
    service.destroy(name)
    with pytest.raises(Destroyed):
        house.ring().token("mail", "a")
