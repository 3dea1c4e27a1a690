"""What can be asked of prospects."""

from typing import Annotated, ClassVar

from msgspec import Meta, field

from application.kernel import Command
from domain import prospects as domain
from domain.kernel import Fact
from domain.prospects import Prospect, prospects

Name = Annotated[str, Meta(min_length=1, max_length=200, description="A person's name.", examples=["Ada Lovelace"])]
Email = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=320,
        pattern=r"^[^@\s\x00]+@[^@\s\x00]+$",
        description="A mail address, one prospect's alone within the organisation.",
        examples=["ada@example.org"],
    ),
]
Word = Annotated[
    str,
    Meta(
        max_length=100,
        pattern=r"^[^\x00-\x1f]*$",
        description="A short word that is not about a person; it is kept in the clear.",
        examples=["engines"],
    ),
]
Stage = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=50,
        pattern=r"^[a-z0-9][a-z0-9-]*$",
        description="A stage of your own naming. `won` and `lost` are reached by winning and losing alone.",
        examples=["qualified"],
    ),
]
Text = Annotated[str, Meta(max_length=10_000, pattern=r"^[^\x00]*$", description="Free text.")]
Code = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$", description="ISO 4217.", examples=["EUR"])]
Attributes = Annotated[
    dict[Code, float], Meta(max_length=200, description="Named numbers.", examples=[{"employees": 250.0}])
]


class Capture(Command, frozen=True, kw_only=True):
    permission: ClassVar = "prospects.capture"
    stream: ClassVar = prospects
    opens: ClassVar = True
    name: Name
    email: Email
    industry: Word = ""
    attributes: Attributes = field(default_factory=dict)

    def decide(self, prospect: Prospect) -> list[Fact]:
        return domain.capture(prospect, self.name, self.email, self.industry, self.attributes)


class Rectify(Command, frozen=True, kw_only=True):
    """What is left out stays as it is."""

    permission: ClassVar = "prospects.rectify"
    stream: ClassVar = prospects
    name: Name | None = None
    email: Email | None = None
    industry: Word | None = None
    attributes: Attributes | None = None
    reason: Annotated[Text, Meta(examples=["She married."])] = ""

    def decide(self, prospect: Prospect) -> list[Fact]:
        return domain.rectify(
            prospect,
            name=self.name,
            email=self.email,
            industry=self.industry,
            attributes=self.attributes,
            reason=self.reason,
        )


class Observe(Command, frozen=True, kw_only=True):
    permission: ClassVar = "prospects.observe"
    stream: ClassVar = prospects
    kind: Annotated[Word, Meta(min_length=1, examples=["visit"])]
    strength: Annotated[float, Meta(ge=0, le=1, description="How strong the signal is.", examples=[0.7])]
    codes: Annotated[tuple[Code, ...], Meta(max_length=500, description="What the signal carries.")] = ()

    def decide(self, prospect: Prospect) -> list[Fact]:
        return domain.observe(prospect, self.kind, self.strength, self.codes)


class Move(Command, frozen=True, kw_only=True):
    permission: ClassVar = "prospects.move"
    stream: ClassVar = prospects
    stage: Stage

    def decide(self, prospect: Prospect) -> list[Fact]:
        return domain.move(prospect, self.stage)


class Win(Command, frozen=True, kw_only=True):
    permission: ClassVar = "prospects.win"
    stream: ClassVar = prospects
    value: Annotated[int, Meta(ge=0, le=2**53, description="In the currency's minor units: cents.", examples=[90_000])]
    currency: Currency

    def decide(self, prospect: Prospect) -> list[Fact]:
        return domain.win(prospect, self.value, self.currency)


class Lose(Command, frozen=True, kw_only=True):
    permission: ClassVar = "prospects.lose"
    stream: ClassVar = prospects
    reason: Annotated[Text, Meta(examples=["price"])] = ""

    def decide(self, prospect: Prospect) -> list[Fact]:
        return domain.lose(prospect, self.reason)


class Note(Command, frozen=True, kw_only=True):
    permission: ClassVar = "prospects.note"
    stream: ClassVar = prospects
    text: Annotated[Text, Meta(min_length=1, examples=["Asked to be called back in May."])]

    def decide(self, prospect: Prospect) -> list[Fact]:
        return domain.note(prospect, self.text)
