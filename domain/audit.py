"""What was refused: each refusal stands in a stream of its own, beside the facts of what was done."""

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Decider, Fact


class Denial(Fact, frozen=True, tag="audit.refused"):
    command: str
    """The command or query that was asked, or `authenticate`."""
    permission: str
    code: str
    """Why: the code that the caller was answered with."""
    resource: str = ""
    """`<capability>/<uuid>`, where one was named."""
    more: int = 0
    """How many refusals of this tenant were counted since its last recorded one, without recording each."""


class Refusal(Struct, frozen=True):
    denial: Denial | None = None


def evolve(refusal: Refusal, fact: Denial) -> Refusal:
    match fact:
        case Denial():
            return replace(refusal, denial=fact)


def refuse(refusal: Refusal, denial: Denial) -> list[Fact]:
    return [] if refusal.denial else [denial]


audit = Decider("audit", Denial, Refusal(), evolve)
