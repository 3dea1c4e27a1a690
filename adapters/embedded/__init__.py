"""PostgreSQL and NATS from wheels, supervised, in one data folder."""

from adapters.embedded.folder import wipe
from adapters.embedded.refusal import CannotStart
from adapters.embedded.servers import Addresses, Servers, running
from adapters.embedded.settings import Settings

__all__ = ["Addresses", "CannotStart", "Servers", "Settings", "running", "wipe"]
