"""A person's consent, by purpose: given and withdrawn as often as they like."""

from collections.abc import Mapping
from uuid import UUID

from domain.kernel import Fact

PROFILING = "profiling"
"""The purpose of predictions: who withdraws their consent to it is not predicted about, and not learned from."""


class ConsentGiven(Fact, frozen=True, tag="privacy.consent-given"):
    by: UUID
    """Who recorded it."""
    purpose: str
    source: str = ""
    """Where it was said, such as a form's name and version; kept in the clear."""


class ConsentWithdrawn(Fact, frozen=True, tag="privacy.consent-withdrawn"):
    by: UUID
    purpose: str
    source: str = ""


ConsentFacts = ConsentGiven | ConsentWithdrawn
Consents = Mapping[str, bool]
"""By purpose: whether it stands. Of a purpose that is missing nothing was ever said."""


def said(consents: Consents, fact: ConsentFacts) -> dict[str, bool]:
    return {**consents, fact.purpose: isinstance(fact, ConsentGiven)}


def give(consents: Consents, given: ConsentGiven) -> list[Fact]:
    return [] if consents.get(given.purpose) else [given]


def take_back(consents: Consents, withdrawn: ConsentWithdrawn) -> list[Fact]:
    """Also where it was never given: then it is an objection."""
    return [] if consents.get(withdrawn.purpose) is False else [withdrawn]
