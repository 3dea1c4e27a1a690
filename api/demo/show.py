"""The summary, for a person or for a machine."""

import sys

import msgspec
from rich.console import Console
from rich.table import Table

from api.demo.applications import LAG, prospect
from api.demo.client import Client
from api.demo.figures import Figures

SAMPLES = 4


def show(found: Figures, first: Client, id: str, url: str, *, json: bool) -> None:
    if json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    console = Console()
    console.print(_table(found))
    console.print(
        f"The data carry no dates of decision, so each outcome becomes known {LAG} captures after its own. The first "
        "tenth of the predictions is not scored. Repeating the last outcome known is the control: above .60 the order "
        "of the data would give the outcomes away."
    )
    console.print(_samples(first))
    console.print(f"Prediction {id} made again from the log in another process: [bold]{found.recomputed}[/bold]")
    console.print(_trail(first))
    console.print(f"Address: {url}  (reference: {url}/docs)", soft_wrap=True)
    console.print(f"API key of the first organisation:\n{first.key}\n\nTry:", soft_wrap=True, markup=False)
    for line in curls(first, url):
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def curls(client: Client, url: str) -> list[str]:
    """Five that work as printed."""
    bearer = f"-H 'Authorization: Bearer {client.key}'"
    json = "-H 'Content-Type: application/json'"
    one = prospect(client.tenant, 0)
    body = '{"name": "Ada Lovelace", "email": "ada@example.org", "industry": "engines"}'
    return [
        f"curl -s {bearer} '{url}/v1/prospects?limit=3&sort=-captured_at'",
        f"curl -s {bearer} '{url}/v1/prospects/{one}'",
        f"curl -s {bearer} '{url}/v1/audit?type=prospects.won&limit=3'",
        f"curl -s {bearer} '{url}/v1/models/prospects.conversion'",
        f"curl -s {bearer} {json} -d '{body}' '{url}/v1/prospects'",
    ]


def _table(found: Figures) -> Table:
    table = Table("what", "figure", title="What came of it (first organisation)")
    rows = [
        ("events recorded", f"{found.events:,} ({found.events_per_s:,.0f} a second, predictions included)"),
        ("view lag after the last command", f"{found.lag_s * 1000:,.0f} ms"),
        ("accuracy (second half)", f"{found.accuracy:.3f} ({found.second_half_accuracy:.3f})"),
        ("AUC", f"{found.auc:.3f}"),
        ("majority rate", f"{found.majority:.3f}"),
        ("leak control: last outcome known", f"{found.last_label:.3f}"),
        ("plain River: accuracy, AUC", f"{found.plain_accuracy:.3f}, {found.plain_auc:.3f}"),
        ("conformal sets: coverage, mean size", f"{found.coverage:.3f}, {found.mean_set_size:.2f}"),
        ("reads of the other organisation answered as missing", str(found.cross_tenant_reads_refused)),
        ("seconds: to start, in all", f"{found.start_s:.1f}, {found.seconds:.0f}"),
    ]
    for row in rows:
        table.add_row(*row)
    return table


def _samples(client: Client) -> Table:
    table = Table("probability", "set", "outcome", "reasons", title="Some predictions")
    for each in client.get("/v1/predictions", sort="-number", limit=SAMPLES, model="prospects.conversion")["items"]:
        # Of who was erased there are none.
        reasons = ", ".join(f"{why['feature']} {why['contribution']:+.2f}" for why in (each["reasons"] or ())[:3])
        table.add_row(f"{each['probability']:.3f}", " or ".join(each["likely"]), each["outcome"], reasons)
    return table


def _trail(client: Client) -> Table:
    table = Table("position", "at", "actor", "what", title="The audit trail's latest wins")
    for each in client.get("/v1/audit", type="prospects.won", limit=SAMPLES)["items"]:
        table.add_row(str(each["position"]), each["at"], f"{each['actor_kind']}:{each['actor'][:8]}…", each["type"])
    return table
