"""The audit trail: one entry for every event, what was refused among them; and what an event changed."""

from projections.audit.access import Could, WhoCould
from projections.audit.activity import Faceted, Facets, Over, Timeline, activity, actors
from projections.audit.chain import Causes, Chain, Effects
from projections.audit.change import Change, changes
from projections.audit.entry import FOUND_BY, Entry, audit
from projections.audit.resource import Resource
from projections.audit.told import Told, told
from projections.audit.trail import HIDDEN, Event, Trail

__all__ = [
    "FOUND_BY",
    "HIDDEN",
    "Causes",
    "Chain",
    "Change",
    "Could",
    "Effects",
    "Entry",
    "Event",
    "Faceted",
    "Facets",
    "Over",
    "Resource",
    "Timeline",
    "Told",
    "Trail",
    "WhoCould",
    "activity",
    "actors",
    "audit",
    "changes",
    "told",
]
