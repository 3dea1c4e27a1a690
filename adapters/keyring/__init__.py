"""Tenant and subject keys, at hand in memory, wrapped in the database."""

from adapters.keyring.cache import Cache, bound
from adapters.keyring.ring import Ring
from adapters.keyring.tenants import Keys, Rings

__all__ = ["Cache", "Keys", "Ring", "Rings", "bound"]
