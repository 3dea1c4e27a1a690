"""Predictions: made again from the log."""

import sys
from uuid import UUID

from cyclopts import App
from rich.console import Console

from api import settings as configuration
from api.shell import Json, say

predictions = App("predictions")


@predictions.command
def recompute(id: UUID, *, tenant: UUID | None = None, json: Json = False) -> None:
    """Make a past prediction again from the log and compare: equal (bit for bit), superseded by erasure, or differs.

    Exit code 1 where it differs. One of another build of the program (other-build) may differ without meaning anything.

    Args:
        id: The prediction.
        tenant: Whose it is; found among all organisations if left out.
        json: Answer with one JSON object.
    """
    from api.recompute import recomputed

    # Seconds for an early prediction, minutes for one that half a million facts came before.
    with Console(stderr=True).status("Folding the log up to the prediction."):
        found = recomputed(configuration.of_running(configuration.read()), id, tenant)
    words = f"{found.verdict}: probability {found.made.probability!r}, made at position {found.made.position}"
    if found.superseded_at:
        words += f", superseded by an erasure at position {found.superseded_at}"
    if found.differing:
        words += f"; differing: {', '.join(found.differing)}"
    answer = {
        "id": str(id),
        "verdict": found.verdict,
        "position": found.made.position,
        "probability": found.made.probability,
        "again": found.again.probability if found.again else None,
        "differing": found.differing,
    }
    say(answer, words, json=json)
    sys.exit(1 if found.verdict == "differs" else 0)
