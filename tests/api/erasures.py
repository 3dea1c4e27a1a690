"""Erasing as a worker does it, in a test's own process, of a tenant of the shared world."""

from adapters.erasures import Erasures
from adapters.ledger import Ledger
from adapters.postgres.views import Views
from adapters.privacy import Remains
from api.bootstrap import learner
from api.erasing import Replayed
from application.privacy import Erasing
from tests.api.world import DECIDERS

BASIS = {"basis": "objection", "reference": "DSR-1", "reason": "She asked."}
CERTIFIED = "privacy.erasure-certified"


class Unsent:
    """Nothing was published of these tenants: no relay runs beside these tests."""

    def reached(self, tenant, generation, position):
        return True

    def purge(self, tenant, subject, generation, position):
        return 0


def erasing(world, tenant, folder, messages=None):
    log = world.logs.of(tenant)
    destroying = Erasures(world.keeper, Ledger(folder), world)
    views = Views(tenant, world.keeper, log)
    remains = Remains(views, log, world.keeper, destroying, world.models, DECIDERS, messages or Unsent())
    return Erasing(log, remains, Replayed(log, learner, world.kept(tenant)))


def approved(world, tenant, id):
    """Ask for an erasure, and have another approve it."""
    if "Second" not in tenant.keys:
        world.key(tenant, "Admin", "Second")
    path = f"/v1/privacy/erasures/{id}"
    assert world.ask("POST", path, tenant.keys["Admin"], json=BASIS).status_code == 200
    assert world.ask("POST", f"{path}/approval", tenant.keys["Second"], json={}).status_code == 200


def finished(world, tenant, work, id):
    """Go on with what is due; whether this one's certificate is recorded."""
    work.advance()
    return [*world.logs.of(tenant).stream(f"privacy/{id}")][-1].type == CERTIFIED
