"""What can be asked of a log's proofs. They are answered from the tree itself, not from read models."""

from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, Struct, UnsetType

Size = Annotated[int, Meta(ge=1, le=2**53, description="Of a sealed tree, in events.")]


class Sealed(Struct, frozen=True, kw_only=True):
    """What was sealed of the log."""

    permission: ClassVar = "proofs.read"


class Last(Sealed, frozen=True, kw_only=True):
    """The last checkpoint, or the last that enough have seen."""

    cosigned: Annotated[int, Meta(ge=0, le=16, description="How many witnesses have to have cosigned it.")] = 0


class Included(Sealed, frozen=True, kw_only=True):
    """That an event is in the tree."""

    position: Annotated[int, Meta(ge=1, le=2**53, description="The event's.")]
    size: Annotated[Size | UnsetType, Meta(description="The tree's; that of the last checkpoint if left out.")] = UNSET


class Consistent(Sealed, frozen=True, kw_only=True):
    """That a tree is the beginning of a later one."""

    first: Size
    second: Annotated[Size | UnsetType, Meta(description="The later one's; the last checkpoint's if left out.")] = UNSET
