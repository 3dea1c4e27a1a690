"""Changes: of keys, members, models, holds, destinations, searches and reports, by whom, and under which rule."""

import json

from msgspec import to_builtins
from msgspec.structs import fields

from domain.kernel import Erased, Fact, Sealed
from projections.reports.content import Section, Sources, together

SETTINGS = ("api_keys", "orgs", "tenancy", "privacy", "reports", "deliveries", "keys", "searches")
MODELS = ("predictions.refitted", "predictions.promoted")
_KEPT_OUT = ("hash", "secret")
"""What says nothing to a reader."""


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
    """A fact as JSON in one line; what is about a person is left out, and so is what is empty."""
    shown = {each.name: getattr(fact, each.name) for each in fields(fact) if each.name not in _KEPT_OUT}
    kept = {name: value for name, value in shown.items() if not isinstance(value, Sealed | Erased)}
    return json.dumps({name: value for name, value in to_builtins(kept).items() if value not in (None, "", [])})
