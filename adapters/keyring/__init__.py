"""Tenant and subject keys, at hand in memory, wrapped in the database."""

from adapters.keyring.brought import BACK, Services
from adapters.keyring.cache import Cache, bound
from adapters.keyring.custody import Custody, Place
from adapters.keyring.ring import Ring
from adapters.keyring.rings import Rings
from adapters.keyring.tenants import Keys

__all__ = ["BACK", "Cache", "Custody", "Keys", "Place", "Ring", "Rings", "Services", "bound"]
