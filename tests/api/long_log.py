"""An organisation with a log longer than a tile, sealed."""

from uuid import uuid4

from msgspec.structs import replace

from adapters.postgres.atom import Atom
from adapters.proofs.sealer import Sealer
from tests.adapters.postgres.atoms import entry


def lengthened(world, committer, many):
    """A new one with so many further events, each in a stream of its own and without anybody's data; its size."""
    tenant = world.tenant(kept=False)
    for start in range(0, many, 512):
        events = []
        for _ in range(start, min(start + 512, many)):
            event = uuid4()
            made = replace(entry(f"tests/{uuid4()}", 1), event_id=event, meta=f'{{"event":"{event}"}}'.encode())
            events.append(made)
        committer.submit(tenant.id, Atom(events)).result(60)
    sealer = Sealer(tenant.id, world.keeper, world.signer)
    while sealer.seal():
        pass
    return tenant, world.logs.of(tenant.id).head()[1]
