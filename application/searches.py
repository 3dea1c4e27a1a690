"""What can be asked of saved searches; each is its owner's, who is whoever the caller acts for."""

from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import Meta

from application.kernel import Command
from domain import searches as domain
from domain.audit import divided
from domain.kernel import Fact
from domain.searches import Saved, Search, searches

Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00]*$",
        description="What it is called; it stays in the clear: no person's name.",
    ),
]
Value = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$")]
Filter = Annotated[
    dict[str, Value],
    Meta(
        max_length=20,
        description="Filters of the trail by name, as in an address. The words of `q` are sealed, and go with you.",
    ),
]


class SaveSearch(Command, frozen=True, kw_only=True):
    permission: ClassVar = "searches.save"
    stream: ClassVar = searches
    opens: ClassVar = True
    name: Name
    filter: Filter

    def decide_as(self, by: UUID, state: Search) -> list[Fact]:
        return domain.save(state, Saved(by, self.name, *divided(self.filter.items())))


class ShareSearch(Command, frozen=True, kw_only=True):
    permission: ClassVar = "searches.save"
    stream: ClassVar = searches

    def decide_as(self, by: UUID, state: Search) -> list[Fact]:
        return domain.share(state, by)


class UnshareSearch(Command, frozen=True, kw_only=True):
    permission: ClassVar = "searches.save"
    stream: ClassVar = searches

    def decide_as(self, by: UUID, state: Search) -> list[Fact]:
        return domain.withdraw(state, by)


class DropSearch(Command, frozen=True, kw_only=True):
    permission: ClassVar = "searches.save"
    stream: ClassVar = searches

    def decide_as(self, by: UUID, state: Search) -> list[Fact]:
        return domain.drop(state, by)
