"""What came of the demo, read back over the HTTP API."""

import subprocess
import sys
import time
from typing import Any

import msgspec
from msgspec import Struct

from api.demo.applications import prospect
from api.demo.client import Client, Failed

MODEL = "prospects.conversion"
CHECKED = 2000
"""The number of the prediction that is made again: far enough for every kind of model to have a part in it."""
WAIT = 240.0
"""Seconds that the models get to predict what was captured."""
ASKED = 20


class Figures(Struct, frozen=True, kw_only=True):
    """About the first organisation. The first tenth of its predictions is not scored."""

    tenants: int
    events: int
    events_per_s: float
    accuracy: float
    second_half_accuracy: float
    auc: float
    majority: float
    last_label: float
    plain_accuracy: float
    plain_auc: float
    coverage: float
    mean_set_size: float
    recomputed: str
    cross_tenant_reads_refused: int
    lag_s: float
    start_s: float
    seconds: float


def predicted(client: Client, count: int) -> None:
    """Wait until so many predictions are in the book, with their outcomes. Raises `Failed`."""
    until = time.monotonic() + WAIT
    while time.monotonic() < until:
        found = client.get("/v1/predictions", model=MODEL, sort="-number", limit=1)["items"]
        if found and found[0]["number"] >= count:
            return
        time.sleep(0.25)
    raise Failed(f"After {WAIT:.0f} s the models had not predicted everything.")


def lag(client: Client) -> float:
    """Seconds until a read shows the last command."""
    began = time.monotonic()
    client.get("/v1/prospects", limit=1)
    return time.monotonic() - began


def scores(client: Client, count: int) -> dict[str, Any]:
    whole = client.get(f"/v1/models/{MODEL}/scores", after=count // 10)
    half = client.get(f"/v1/models/{MODEL}/scores", after=count // 2)
    issued, others = whole["issued"], whole["candidates"]
    return {
        **{name: issued[name] for name in ("accuracy", "auc", "majority", "coverage", "mean_set_size")},
        "second_half_accuracy": half["issued"]["accuracy"],
        "last_label": others["last-label"]["accuracy"],
        "plain_accuracy": others["plain"]["accuracy"],
        "plain_auc": others["plain"]["auc"],
    }


def recomputed(client: Client, count: int) -> tuple[str, str]:
    """A prediction's id, and what making it again in another process came to."""
    number = min(CHECKED, count)
    found = client.get("/v1/predictions", model=MODEL, sort="-number", limit=1)["items"][0]
    if found["number"] > number:
        id = prospect(client.tenant, number - 1)
        found = client.get("/v1/predictions", prospect=str(id), limit=1)["items"][0]
    words = ["predictions", "recompute", found["id"], "--tenant", str(client.tenant), "--json"]
    done = subprocess.run([sys.executable, "-m", "api.main", *words], stdout=subprocess.PIPE, check=False)
    return found["id"], msgspec.json.decode(done.stdout)["verdict"] if done.stdout else "failed"


def refused(reader: Client, owner: Client) -> int:
    """How many reads of another organisation's prospects and predictions are answered as missing."""
    theirs = [f"/v1/prospects/{prospect(owner.tenant, number)}" for number in range(ASKED)]
    book = owner.get("/v1/predictions", limit=ASKED)["items"]
    theirs += [f"/v1/predictions/{each['id']}" for each in book]
    return sum(reader.missing(path) for path in theirs)
