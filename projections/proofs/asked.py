"""What can be asked of a log's proofs. They are answered from the tree itself, not from read models."""

from datetime import datetime
from typing import Annotated, ClassVar
from uuid import UUID

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


class Offline(Last, frozen=True, kw_only=True):
    """The same in one file of text, for any program that reads such proofs."""

    position: Annotated[int, Meta(ge=1, le=2**53, description="The event's.")]


class Consistent(Sealed, frozen=True, kw_only=True):
    """That a tree is the beginning of a later one."""

    first: Size
    second: Annotated[Size | UnsetType, Meta(description="The later one's; the last checkpoint's if left out.")] = UNSET


_Text = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f,]*$")]
_Most = Meta(min_length=1, max_length=50)
_At = Annotated[datetime, Meta(tz=True)]


class Bundled(Struct, frozen=True, kw_only=True):
    """Events with their proofs: a span with filters, or chosen positions."""

    permission: ClassVar = "audit.export"
    type: Annotated[tuple[_Text, ...], _Most, Meta(description="Kinds of events, such as prospects.won.")]
    asked_permission: Annotated[
        tuple[_Text, ...], _Most, Meta(description="What had to be held, such as prospects.win.")
    ]
    stream: Annotated[
        tuple[_Text, ...], _Most, Meta(description="Streams (CAPABILITY/UUID), or all that begin so (CAPABILITY/).")
    ]
    actor: Annotated[tuple[_Text, ...], _Most, Meta(description="Who did it, KIND/UUID such as key/0199....")]
    subject: Annotated[tuple[UUID, ...], _Most, Meta(description="Whose personal data it holds.")]
    since: Annotated[_At, Meta(description="From this time on.")]
    before: Annotated[_At, Meta(description="Before this time.")]
    first: Annotated[int, Meta(ge=1, le=2**53, description="The span's first position; 1 if left out.")]
    last: Annotated[
        int, Meta(ge=1, le=2**53, description="The span's last position; as far as the log is sealed if left out.")
    ]
    positions: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=2**53)], ...],
        Meta(
            min_length=1,
            max_length=1000,
            description="These events and no filter: the file does not claim to be complete.",
        ),
    ]
    cosigned: Annotated[int, Meta(ge=0, le=16, description="How many witnesses have to have cosigned the checkpoint.")]
