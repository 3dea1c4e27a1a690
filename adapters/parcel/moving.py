"""A tenant on the move: what an installation does on either side."""

from pathlib import Path
from time import monotonic, sleep
from uuid import UUID

from adapters.keyring import Custody, Place
from adapters.ledger import Forgotten, Ledger
from adapters.log import Logs
from adapters.parcel import receipt
from adapters.parcel.identity import Identity, Installation, Unfit, parse
from adapters.parcel.pack import Packing, pack
from adapters.parcel.unpack import Arrival, Unpacking
from adapters.postgres.database import Database
from adapters.proofs.grove import Grove
from adapters.proofs.signer import Signer
from projections.proofs import note
from tenants.residency import fits

PATIENCE = 5.0
"""Seconds in which a running sealer gets to what was just recorded."""
_CLOSE = "update everlog.heads set closed = 'left' where tenant_id = %s and closed is null returning position"
_CLOSED = "select generation, position from everlog.heads where tenant_id = %s and closed = 'left'"
_REOPEN = "update everlog.heads set closed = null where tenant_id = %s and closed = 'left' returning position"


class Moving:
    """This installation's side."""

    def __init__(self, database: Database, logs: Logs, keys: Path) -> None:
        self._database = database
        self._logs = logs
        self._keys = keys

    @property
    def identity(self) -> Installation:
        return Identity(self._keys).public

    def receiver(self, text: str) -> Installation:
        """Raises `Unfit` for what names no installation, or this one."""
        found = parse(text)
        if found == self.identity:
            raise Unfit("That is this installation itself.")
        return found

    def close(self, tenant: UUID) -> None:
        """Nothing is recorded in the tenant's log from here on. Raises `Unfit` where it is closed already."""
        if not self._database.query(tenant, _CLOSE, [tenant]):
            raise Unfit("The organisation has left already. `everlog tenants reopen` takes that back.")

    def reopen(self, tenant: UUID) -> None:
        """Raises `Unfit` where it has not left, and where it was forgotten."""
        self._must_be_known(tenant)
        if not self._database.query(tenant, _REOPEN, [tenant]):
            raise Unfit("The organisation has not left.")

    def pack(
        self, tenant: UUID, name: str, to: Installation, after: int, path: Path, *, leaves: bool, region: str = ""
    ) -> int:
        """Write a parcel to a new file; the position that it goes up to. Raises `Unfit`, and `OSError`."""
        generation, upto = self._logs.of(tenant).head()
        if after > upto:
            raise Unfit(f"The log ends at position {upto}: nothing stands behind {after}.")
        signed = self._signed(tenant, generation, upto) if leaves else ("", "")
        asked = Packing(tenant, name, generation, after, upto, leaves, region, *signed)
        try:
            with path.open("xb") as file:
                pack(asked, self._database, self._logs.rings.of(tenant), file, to, Identity(self._keys))
        except FileExistsError as problem:
            raise Unfit(f"{path} is there already. Choose another name.") from problem
        return upto

    def _signed(self, tenant: UUID, generation: int, upto: int) -> tuple[str, str]:
        """The last checkpoint of this generation and its key; a running sealer gets to the end of a closed log soon."""
        signer, until = Signer(self._keys, lambda: generation), monotonic() + PATIENCE
        while True:
            with signer.hold(tenant) as held:
                last = held.last or ""
            fits = last.startswith(f"{note.origin(tenant, generation)}\n")
            if (fits and note.parse(last)[0] == upto) or monotonic() > until:
                return (last, signer.key(tenant) or "") if fits else ("", "")
            sleep(0.1)

    def unpack(self, path: Path, sender: Installation, region: str = "", *, relocate: bool = False) -> Arrival:
        """Not what is of another region, unless that is meant. Raises `Unfit`, and `OSError`."""
        with path.open("rb") as file:
            arriving = Unpacking(file, sender, Identity(self._keys))
            resides = arriving.header.region
            if not (relocate or fits(resides, region)):
                raise Unfit(f"The organisation's data stay in {resides}, and this is the cell of {region}.")
            tenant = arriving.header.tenant
            self._must_be_known(tenant)
            return arriving.run(self._database, self._logs.rings.of(tenant), Ledger(self._keys))

    def receipt(self, tenant: UUID, after: int, custody: Custody) -> bytes:
        """That a tenant has arrived here, up to a position. Raises `Unfit`, and what its key services do."""
        came, signer = Ledger(self._keys).came(tenant), Signer(self._keys, lambda: 0)
        if came is None or not after:
            raise Unfit("The organisation did not come here from another installation, or has not arrived as a whole.")
        names = tuple(each.name for each in custody.alive())
        grove = Grove(tenant, lambda sql, params: self._database.query(tenant, sql, params))
        return receipt.write(receipt.made(grove, came, after, signer.key(tenant) or "", names), Identity(self._keys))

    def forgettable(self, tenant: UUID, to: str, proof: bytes, custody: Custody) -> tuple[Forgotten, list[Place]]:
        """What is to be noted of a tenant that has arrived where it left for, and where its living keys lie.

        `to` is that installation's fingerprint. Raises `Unfit` where it has not, or where some of these keys are the
        other's too.
        """
        noted = Ledger(self._keys).gone().get(tenant)
        closed = self._database.query(tenant, _CLOSED, [tenant])
        if not noted and not (closed and to):
            raise Unfit("The organisation has not left. `everlog tenants export --leave` is how it does.")
        found, signer = receipt.read(proof, noted.to if noted else to), Signer(self._keys, lambda: 0)
        with signer.hold(tenant) as held:
            last, key = held.last or "", signer.key(tenant) or ""
        if not noted and (not last or (note.generation(last), note.parse(last)[0]) != closed[0]):
            raise Unfit("The end of the log is not signed here yet. Run a worker with its part `seal`, then try again.")
        gone, lying = receipt.arrived(found, tenant, noted.to if noted else to, last, key), custody.alive()
        if shared := sorted({each.name for each in lying}.intersection(found.names)):
            raise Unfit(
                f"The new installation has keys of the same names: {', '.join(shared)}. If both use one key service, "
                "they are the same keys. Run `everlog keys move` there with the service that it has now, which gives "
                "them other names, and bring a new receipt."
            )
        return noted or gone, lying

    def waits(self, tenant: UUID) -> bool:
        """Whether it has left and is not forgotten."""
        return tenant not in Ledger(self._keys).gone() and bool(self._database.query(tenant, _CLOSED, [tenant]))

    def _must_be_known(self, tenant: UUID) -> None:
        if tenant in Ledger(self._keys).gone():
            raise Unfit("The organisation was forgotten here: its keys are destroyed, and none is ever made again.")
