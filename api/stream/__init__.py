"""Facts as they happen: over server-sent events and over a WebSocket, resumable from any position."""

from api.stream.document import PATHS
from api.stream.edges import Streams, handlers
from api.stream.tail import Pace, Tails

__all__ = ["PATHS", "Pace", "Streams", "Tails", "handlers"]
