"""The log of automated decisions: what a model said of whom, from which state, and why."""

from typing import Any

from projections.reports.changes import MODELS, told
from projections.reports.content import Row, Section, Sources, text, together


async def decisions(sources: Sources) -> list[Section]:
    made, all_of_them = await sources.decisions()
    return [
        Section(
            title="Predictions",
            note=(
                "Each can be made again from the log, bit for bit: `everlog predictions recompute`. `Likely` are the "
                "outcomes that hold the true one as often as the model is defined for (conformal prediction). Reasons "
                "move the log-odds of winning; they are left out where the reader may not see what is about a person."
            ),
            columns=(
                "Prediction",
                "At",
                "About",
                "Model",
                "Champion",
                "Probability",
                "Likely",
                "Reasons",
                "State up to position",
                "Labels learned",
                "SHA-256 of the state",
            ),
            rows=[_row(each) for each in made],
            whole=all_of_them,
        ),
        await _models(sources),
    ]


def _row(made: dict[str, Any]) -> Row:
    reasons = made["reasons"]
    return (
        str(made["id"]),
        made["at"],
        str(made["prospect"]),
        made["model"],
        made["champion"],
        made["probability"],
        text(made["likely"]),
        text(f"{each['feature']} {each['contribution']:+.3f}" for each in reasons) if reasons else _why_not(made),
        made["position"],
        made["learned"],
        made["digest"],
    )


def _why_not(made: dict[str, Any]) -> str:
    return "erased" if "reasons" in made["erased"] else "withheld" if "reasons" in made["withheld"] else ""


async def _models(sources: Sources) -> Section:
    found, all_of_them = together([await sources.entries(type=each, whole=True) for each in MODELS])
    return Section(
        title="Models behind them",
        note="Every refit and promotion up to the end of the period.",
        columns=("Position", "At", "Kind", "Model", "What was recorded"),
        rows=[
            (each.position, each.at, each.type, each.model, told((await sources.recorded(each.position)).fact))
            for each in found
        ],
        whole=all_of_them,
    )
