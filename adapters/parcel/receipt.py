"""What the new installation hands the old one, which may then forget a tenant: that all of its log has arrived.

`everlog/receipt/1` and a newline; JSON. In it stands a checkpoint that the new installation has signed of the tenant's
log, proof that its tree goes on from where the log was closed, and under which names the new one's key services keep
its keys, for both may use the same service. The new installation has signed all of it (Ed25519).
"""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from adapters.ledger import Came, Forgotten
from adapters.parcel.identity import Identity, Unfit, parse
from adapters.proofs.grove import Grove
from adapters.proofs.signer import Before, Refusing
from projections.proofs import note, tree

MARK = b"everlog/receipt/1\n"


class Receipt(Struct, frozen=True):
    tenant: UUID
    after: int
    """The position of the last event that came."""
    note: str
    """The first checkpoint of that size, or of a larger one, that the new installation has signed."""
    key: str
    """The verifier key that it is signed with."""
    path: tuple[bytes, ...]
    """That the tree of size `after` is its beginning (RFC 9162, 2.1.4)."""
    names: tuple[str, ...]
    """Of the tenant's keys in key services, as far as they live."""


class Signed(Struct, frozen=True):
    by: str
    receipt: bytes
    signature: bytes


def write(receipt: Receipt, by: Identity) -> bytes:
    raw = msgspec.json.encode(receipt)
    return MARK + msgspec.json.encode(Signed(str(by.public), raw, by.sign(MARK + raw))) + b"\n"


def read(raw: bytes, to: str) -> Receipt:
    """What an installation with this fingerprint has signed. Raises `Unfit`."""
    if not raw.startswith(MARK):
        raise Unfit("This is no receipt. `everlog tenants receipt` writes one at the new installation.")
    try:
        signed = msgspec.json.decode(raw.removeprefix(MARK), type=Signed)
        by = parse(signed.by)
        receipt = msgspec.json.decode(signed.receipt, type=Receipt)
    except msgspec.DecodeError as problem:
        raise Unfit("The receipt cannot be read: it is of another release, or damaged.") from problem
    if by.fingerprint != to:
        raise Unfit("The receipt is of another installation than the one that the organisation left for.")
    if not by.signed(signed.signature, MARK + signed.receipt):
        raise Unfit("The receipt is not signed by the installation that it names, or it was altered on the way.")
    return receipt


def made(grove: Grove, came: Came, after: int, key: str, names: tuple[str, ...]) -> Receipt:
    """Of a log that came here up to a position. Raises `Unfit` where that is not sealed yet."""
    # The tree that it came with; a restore here may have begun another since.
    grove.generation = came.generation
    exact = grove.note(after)
    found = exact[0] if exact else grove.seal_after(after)
    if found is None:
        raise Unfit(f"No checkpoint is signed here of the {after} events that came. Run a worker with its part `seal`.")
    path = tree.consistency(tree.tiled(grove.tile), after, found[0])
    return Receipt(grove.tenant, after, found[1], key, tuple(path), names)


def arrived(receipt: Receipt, tenant: UUID, to: str, last: str, key: str) -> Forgotten:
    """That a log goes on there of which this is the `last` checkpoint signed here, with that key. Raises `Unfit`."""
    origin, (size, root), now = last.partition("\n")[0], note.parse(last), datetime.now(UTC)
    if receipt.tenant != tenant:
        raise Unfit("The receipt is of another organisation.")
    if receipt.key == key:
        raise Unfit("The checkpoint in the receipt is one of this installation's own.")
    generation = note.generation(last)
    try:
        there = Before.of(tenant, Came(tenant, generation, now, receipt.note, receipt.key))
        roots = tree.continued(size, there.size, root, receipt.path) if receipt.after == size else ()
    except (Refusing, ValueError) as problem:
        raise Unfit(f"The checkpoint in the receipt is none of this log: {problem}") from problem
    if not receipt.note or roots != (root, there.root):
        raise Unfit(f"The log that arrived there is not the one that was closed here with {size} events.")
    return Forgotten(tenant, now, to, origin, size, note.base64(root))
