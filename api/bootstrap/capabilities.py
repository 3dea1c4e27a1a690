"""What there is: a new capability adds a line to `DECIDERS`, one to `MODELS`, or both."""

from typing import Any

from domain.api_keys import api_keys
from domain.audit import audit
from domain.deliveries import deliveries
from domain.exports import exports
from domain.kernel import Decider
from domain.keys import keys
from domain.orgs import orgs
from domain.predictions import predictions
from domain.privacy import privacy
from domain.proofs import proofs
from domain.prospects import prospects
from domain.reports import reports
from domain.searches import searches
from domain.tenancy import tenancy
from projections.audit import activity, actors
from projections.audit import audit as trail
from projections.deliveries import deliveries as destinations
from projections.funnel import funnel
from projections.orgs import members
from projections.predictions.book import book, scores
from projections.predictions.milestones import milestones
from projections.privacy import consents, erasures, holds
from projections.prospects import prospects as list_of_prospects
from projections.reports import reports as list_of_reports
from projections.reports import schedules
from projections.searches import searches as list_of_searches

DECIDERS: dict[str, Decider[Any]] = {
    each.name: each
    for each in (
        *(prospects, predictions, orgs, api_keys, audit, exports, tenancy, privacy, reports, proofs, keys),
        deliveries,
        searches,
    )
}
MODELS = (
    list_of_prospects,
    funnel,
    trail,
    activity,
    actors,
    book,
    scores,
    milestones,
    erasures,
    holds,
    consents,
    list_of_reports,
    schedules,
    destinations,
    list_of_searches,
    members,
)
