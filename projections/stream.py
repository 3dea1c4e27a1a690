"""What is seen of the log itself: the facts, one after the other, as they are recorded."""

from typing import Annotated, Any, ClassVar

from msgspec import Meta

from projections.kernel import Query


class Follow(Query, frozen=True, kw_only=True):
    """The live stream. It is answered from the log, not from read models."""

    permission: ClassVar = "events.read"
    after: Annotated[
        str,
        Meta(
            pattern="^[1-9][0-9]{0,8}:(0|[1-9][0-9]{0,17})$",
            description="The `id` of the last event received; `1:0` is the beginning, left out it is now.",
        ),
    ] = ""
    types: Annotated[tuple[str, ...], Meta(max_length=50, description="Only facts of these types.")] = ()
    capabilities: Annotated[tuple[str, ...], Meta(max_length=50, description="Only facts of these capabilities.")] = ()
    resource: Annotated[str, Meta(max_length=200, description="Only this stream's facts: `prospects/<id>`.")] = ""
    follow: Annotated[bool, Meta(description="Whether to wait for more at the end of the log.")] = True

    async def answer(self, reads: Any) -> Any:
        raise NotImplementedError
