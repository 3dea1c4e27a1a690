"""Changes: of keys, members, models, holds, destinations, searches and reports, by whom, and under which rule."""

import json

from domain.kernel import Fact
from projections.audit.told import clear
from projections.reports.content import Section, Sources, together

SETTINGS = ("api_keys", "orgs", "tenancy", "privacy", "reports", "deliveries", "keys", "searches")
MODELS = ("predictions.refitted", "predictions.promoted")


async def changes(sources: Sources) -> list[Section]:
    models, all_of_them = together([await sources.entries(type=each) for each in MODELS])
    return [
        await changed(
            sources,
            "Settings and permissions",
            "Everything that changed who may do what, what is kept and under which keys, or where it is delivered.",
            SETTINGS,
        ),
        Section(
            title="Models",
            note="Challengers that were fitted anew, and candidates that took over.",
            columns=("Position", "At", "Kind", "Model", "SHA-256 of its state"),
            rows=[(each.position, each.at, each.type, each.model, each.model_version) for each in models],
            whole=all_of_them,
        ),
    ]


async def changed(sources: Sources, title: str, note: str, capabilities: tuple[str, ...]) -> Section:
    """What was accepted of these capabilities in the period, in the order of the log."""
    entries, all_of_them = together(
        [await sources.entries(capability=each, outcome="accepted") for each in capabilities]
    )
    return Section(
        title=title,
        note=note,
        columns=("Position", "At", "Actor", "Kind", "Of", "Version", "Permission", "Rule", "What was recorded"),
        rows=[
            (
                each.position,
                each.at,
                f"{each.actor_kind}:{each.actor}",
                each.type,
                f"{each.capability}/{each.resource}",
                each.version,
                each.permission,
                each.rule,
                told((await sources.recorded(each.position)).fact),
            )
            for each in entries
        ],
        whole=all_of_them,
    )


def told(fact: Fact) -> str:
    """A fact as JSON in one line, without what is about a person."""
    return json.dumps(clear(fact))
