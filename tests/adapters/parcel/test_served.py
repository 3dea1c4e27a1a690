"""An organisation that moves is delivered on from where it was, and nowhere twice because of it."""

from uuid import uuid4

from adapters.deliveries import Deliveries, Stand
from adapters.postgres.views import Views
from adapters.proofs.sealer import Sealer
from adapters.proofs.signer import Signer
from application.deliveries import Progress
from domain.deliveries import Added
from domain.kernel import Meta
from tests.adapters.parcel.test_parcel import ACTOR, captured, packed, unpacked


def test_destinations_come_with_their_secrets_and_how_far_they_were_served(here, there, moving):
    """Also one that was added after the first parcel."""
    captured(here, moving)
    first = packed(here, there, moving, leaves=False)
    id = uuid4()
    box = Deliveries(here.database, here.logs.rings).seal(moving, id, "token")
    added = Added("SIEM", "http", "https://siem.example/in", box)
    here.logs.of(moving).submit(f"deliveries/{id}", 0, [added], Meta(uuid4(), ACTOR, "deliveries.manage")).result(10)
    served = (
        "insert into everlog.delivered (tenant_id, destination, round, generation, position) values (%s, %s, 3, 1, 2)"
    )
    here.database.query(moving, served, [moving, id])
    unpacked(first, here, there, moving)
    stand = Stand(Views(moving, there.worker, there.logs.of(moving)), there.worker)
    assert (stand.ready().head, stand.ready().sealed) == (1, 0)
    unpacked(packed(here, there, moving, after=1), here, there, moving)
    taken = Deliveries(there.database, there.logs.rings)
    assert taken.progress(moving) == {id: Progress(3, 1, 2)}
    recorded = there.logs.of(moving).read(1)[0].fact
    assert taken.opened(moving, id, recorded.secret) == "token"


def test_nothing_is_delivered_of_what_is_still_arriving(here, there, moving):
    captured(here, moving)
    unpacked(packed(here, there, moving, leaves=False), here, there, moving)
    assert Sealer(moving, there.worker, Signer(there.ledger.folder, lambda: 1)).seal() == 1
    stand = Stand(Views(moving, there.worker, there.logs.of(moving)), there.worker)
    assert stand.ready().sealed == 0
    unpacked(packed(here, there, moving, after=1), here, there, moving)
    assert stand.ready().sealed == 1
