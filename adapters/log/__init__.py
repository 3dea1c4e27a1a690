"""`application.ports.Log` and `Logs`: facts over the recorder's bytes, with the codec and the keys between them."""

from adapters.log.logs import Logs
from adapters.log.states import Unfoldable
from adapters.log.tenant import TenantLog

__all__ = ["Logs", "TenantLog", "Unfoldable"]
