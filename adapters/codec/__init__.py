"""Facts to bytes and back, personal values sealed on the way in and opened only where somebody may see them."""

from adapters.codec.codec import Codec, Illegal
from adapters.codec.fields import Elsewhere
from adapters.codec.opening import Opener
from adapters.codec.placed import placed

__all__ = ["Codec", "Elsewhere", "Illegal", "Opener", "placed"]
