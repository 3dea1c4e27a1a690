"""What can be asked of a log's proofs. They are answered from the tree itself, not from read models."""

from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta, UnsetType

from projections.kernel import Query

Size = Annotated[int, Meta(ge=1, le=2**53, description="Of a sealed tree, in events.")]


class Sealed(Query, frozen=True, kw_only=True):
    """The last checkpoint."""

    permission: ClassVar = "proofs.read"

    async def answer(self, reads: Any) -> Any:
        raise NotImplementedError


class Included(Sealed, frozen=True, kw_only=True):
    """That an event is in the tree."""

    position: Annotated[int, Meta(ge=1, le=2**53, description="The event's.")]
    size: Annotated[Size | UnsetType, Meta(description="The tree's; that of the last checkpoint if left out.")] = UNSET


class Consistent(Sealed, frozen=True, kw_only=True):
    """That a tree is the beginning of a later one."""

    first: Size
    second: Annotated[Size | UnsetType, Meta(description="The later one's; the last checkpoint's if left out.")] = UNSET
