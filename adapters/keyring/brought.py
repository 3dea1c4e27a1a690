"""Under which key service a tenant's keys lie: the installation's, or one that the tenant brought.

Services are named in files beside the database, never in it: who can write to it could else have a token sent anywhere.
A tenant's file, `services/<tenant>` in the key folder, has a setting a line. What lies under the second of them is
marked `2/` in the database; what has no mark lies under the installation's.

Nothing is asked of either for a tenant that this installation has forgotten.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import TypeVar
from uuid import UUID

from adapters.keyring.cache import bound
from adapters.ledger import Came, Forgotten, Ledger
from tenants.keys import KMS, Denied, Left, Missing, Revoked

FOLDER = "services"
BACK = "-"
"""Stands in a tenant's file where they have gone back to the installation's service."""
BETWEEN = "/"
_FRESH = 5.0
_MOST = 20_000
Named = Callable[[str], KMS]
T = TypeVar("T")


class Services:
    """`named` makes a key service of a setting. Without a folder there is the installation's alone."""

    def __init__(self, installation: KMS, folder: Path | None = None, named: Named | None = None) -> None:
        self._installation = installation
        self._folder = folder / FOLDER if folder else None
        self._ledger = Ledger(folder) if folder else None
        self._named = named
        self._made: dict[tuple[UUID, str], KMS] = {}
        self._owners: dict[UUID, tuple[bool, float]] = {}

    def settings(self, tenant: UUID) -> list[str]:
        """Those that the tenant has had, the one of now last."""
        try:
            return (self._folder / str(tenant)).read_text(encoding="utf-8").splitlines() if self._folder else []
        except FileNotFoundError:
            return []

    def own(self, tenant: UUID) -> bool:
        """Whether new keys lie under a service that is the tenant's, as of a few seconds ago."""
        known, until = self._owners.get(tenant, (False, 0.0))
        if monotonic() >= until:
            known = self.settings(tenant)[-1:] not in ([], [BACK])
            self._owners[tenant] = known, monotonic() + _FRESH
            bound(self._owners, _MOST)
        return known

    def gone(self) -> Mapping[UUID, Forgotten]:
        """The tenants that have left and were forgotten."""
        return self._ledger.gone() if self._ledger else {}

    def stays(self, tenant: UUID) -> None:
        """Raises `tenants.keys.Left` where the tenant was forgotten. May be asked at every request."""
        if tenant in self.gone():
            raise Left(f"The organisation {tenant} has left this installation, which has destroyed its keys.")

    def mark(self, tenant: UUID, name: str) -> str:
        """How a key of this name is written down where it lies under the service of now.

        A name that has been in a service once is destroyed there, so each move gives them new ones; and so does an
        arrival here, since both installations may use one service, and what one destroys is not the other's.
        """
        settings = self.settings(tenant)
        called = f"{name}{self._arrival(tenant)}" + (f".{len(settings)}" if settings else "")
        return called if settings[-1:] in ([], [BACK]) else f"{len(settings)}{BETWEEN}{called}"

    def _arrival(self, tenant: UUID) -> str:
        """Tells names here from those that the tenant's keys have where it came from; nothing where it began here."""
        entries = self._ledger.read() if self._ledger else []
        came = [each.at for each in entries if isinstance(each, Came) and each.tenant == tenant]
        return f".{round(min(came).timestamp() * 1_000_000):x}" if came else ""

    def at(self, tenant: UUID, marked: str) -> tuple[KMS, str]:
        """The service of what is marked so, and the key's name in it.

        Raises `tenants.keys.Missing` where no file names it, and `tenants.keys.Left` as `stays` does.
        """
        self.stays(tenant)
        return self.lies(tenant, marked)

    def lies(self, tenant: UUID, marked: str) -> tuple[KMS, str]:
        """The same for whoever looks after what was forgotten."""
        number, mark, name = marked.rpartition(BETWEEN)
        if not mark:
            return self._installation, name
        settings = self.settings(tenant)
        if not number.isdecimal() or not 0 < int(number) <= len(settings) or settings[int(number) - 1] == BACK:
            raise Missing(f"The key folder names no key service {number} of the organisation {tenant}.")
        return _Own(self._make(tenant, settings[int(number) - 1])), name

    def bring(self, tenant: UUID, setting: str) -> None:
        """Have new keys lie under another service from now on; nothing changes where it is the one of now.

        Raises whatever a setting that names no service raises.
        """
        settings = self.settings(tenant)
        if settings[-1:] == [setting] or (not settings and setting == BACK) or self._folder is None:
            return
        if setting != BACK:
            self._make(tenant, setting)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._folder / f".{tenant}.new"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(f"{each}\n" for each in (*settings, setting))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._folder / str(tenant))
        self._owners.pop(tenant, None)

    def _make(self, tenant: UUID, setting: str) -> KMS:
        made = self._made.get((tenant, setting))
        if made is None and self._named:
            made = self._made[tenant, setting] = self._named(setting)
        if made is None:
            raise Missing("This process was not told how to reach organisations' own key services.")
        return made


class _Own:
    """A key service whose refusal is its owner's will."""

    def __init__(self, kms: KMS) -> None:
        self._kms = kms

    def create(self, name: str) -> None:
        _asked(self._kms.create, name)

    def wrap(self, name: str, plaintext: bytes, ad: bytes) -> bytes:
        return _asked(self._kms.wrap, name, plaintext, ad)

    def unwrap(self, name: str, wrapped: bytes, ad: bytes) -> bytes:
        return _asked(self._kms.unwrap, name, wrapped, ad)

    def destroy(self, name: str) -> None:
        _asked(self._kms.destroy, name)


def _asked(function: Callable[..., T], *given: object) -> T:
    try:
        return function(*given)
    except Denied as denied:
        raise Revoked(f"The organisation's own key service does not let us use its key. {denied}") from denied
