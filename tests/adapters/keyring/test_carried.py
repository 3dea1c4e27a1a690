"""An installation goes from one key service to another, tenant by tenant, and nothing is lost on the way."""

from uuid import UUID

import pytest

from adapters.keyring import Cache, Custody, Keys, Ring, Services
from adapters.kms import named
from tenants.keys import Misplaced, Missing
from tests.adapters.kms.transit import Transit, certified
from tests.adapters.kms.transit import serving as vault
from tests.adapters.kms.trent import ARN, Trent, credentials
from tests.adapters.kms.trent import serving as aws

SUBJECT = UUID(int=7)


@pytest.fixture
def services(tmp_path):
    """A folder, a Vault and AWS."""
    certificate, private = certified(tmp_path)
    transit, trent = Transit(), Trent()
    (tmp_path / "token").write_text(transit.token)
    file = credentials(tmp_path / "credentials", trent)
    with vault(transit, certificate, private) as one, aws(trent, certificate, private) as other:
        settings = (
            f"file:{tmp_path}/files",
            f"vault:{one}?token={tmp_path}/token&ca={certificate}",
            f"aws:{ARN}?endpoint={other}&credentials={file}&ca={certificate}",
        )
        yield [named(each, tmp_path / "keys") for each in settings]


def ring(tenant, database, kms):
    """Of a process that was started with this key service."""
    return Ring(Keys(tenant, database, kms), database, Cache())


def carried(tenant, worker, old, new):
    return Custody(worker, Services(old), ring(tenant, worker, old)).carry(new)


def test_an_installation_goes_from_files_to_a_vault_to_aws_and_back(services, database, worker, tenant):
    first = ring(tenant, database, services[0])
    first.ensure([SUBJECT])
    first.keys.turn()
    box, token = first.get(SUBJECT).seal(b"secret", "here"), first.token("mail", "a")
    for old, new in zip(services, [*services[1:], services[0]], strict=True):
        running = ring(tenant, database, old)
        running.fetch([SUBJECT])
        assert carried(tenant, worker, old, new) == 4
        assert carried(tenant, worker, old, new) == 0
        after = ring(tenant, database, new)
        assert after.fetch([SUBJECT])[SUBJECT].open(box, "here") == b"secret"
        assert after.token("mail", "a") == token
        # Who has it at hand goes on; who comes with the former service is told, and takes it for no erasure.
        running.forget([SUBJECT])
        assert running.fetch([SUBJECT])[SUBJECT].open(box, "here") == b"secret"
        with pytest.raises(Misplaced):
            ring(tenant, database, old).fetch([SUBJECT])


def test_what_was_cut_short_is_finished(services, database, worker, tenant):
    old, new = services[:2]
    first = ring(tenant, database, old)
    first.ensure([SUBJECT])
    wrap, left = new.wrap, [2]

    def cut(*given):
        left[0] -= 1
        if left[0] < 0:
            raise ConnectionError
        return wrap(*given)

    new.wrap = cut
    with pytest.raises(ConnectionError):
        carried(tenant, worker, old, new)
    new.wrap = wrap
    assert carried(tenant, worker, old, new) == 1
    assert SUBJECT in ring(tenant, database, new).fetch([SUBJECT])


def test_what_lies_under_neither_is_told_and_not_passed_over(services, database, worker, tenant):
    ring(tenant, database, services[0]).ensure([SUBJECT])
    with pytest.raises(Missing):
        carried(tenant, worker, services[1], services[2])


def test_who_has_a_service_of_its_own_stays_there(services, database, worker, tenant, tmp_path):
    old, own, new = services
    brought = Services(old, tmp_path, lambda _: own)
    custody = Custody(worker, brought, ring(tenant, worker, brought))
    ring(tenant, database, brought).ensure([SUBJECT])
    assert custody.bring("own") == 3
    assert custody.carry(new) == 0
    assert SUBJECT in ring(tenant, database, Services(new, tmp_path, lambda _: own)).fetch([SUBJECT])
