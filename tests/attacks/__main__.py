"""Attack a running product's record as its database's superuser, and look whether it is found: `make attacks`."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import psycopg
from cyclopts import App, Parameter

from api.verify import Verdict
from projections.proofs.found import Finding
from tests.attacks.book import ATTACKS, Attack, Theft, tidy
from tests.attacks.silence import Silence, told
from tests.attacks.stage import Org, Stage, staged

app = App(name="python -m tests.attacks", help=__doc__, version_flags=[], help_format="plaintext")


def attacked(stage: Stage, name: str, attack: Attack | Theft | Silence, org: Org, other: Org) -> dict[str, object]:
    if isinstance(attack, Theft):
        return {"attack": name, **stolen(stage, attack, Path(org.keys, "proofs", f"{org.id}.key"))}
    if isinstance(attack, Silence):
        return {"attack": name, **told(stage, attack, org, other)}
    if attack.prepare:
        attack.prepare(stage, org)
    with stage.attacker() as connection:
        try:
            place = attack.do(connection, org, other)
            verdict = stage.verdict(org)
        finally:
            tidy(connection, attack)
    return {"attack": name, **judged(verdict, attack, place)}


def stolen(stage: Stage, theft: Theft, key: Path) -> dict[str, object]:
    """Whether the key is out of reach, and a copy of it that the server may read is not."""
    with tempfile.TemporaryDirectory() as folder, stage.attacker() as connection:
        copy = Path(shutil.copy(key, folder))
        Path(folder).chmod(0o755)
        copy.chmod(0o644)
        if theft.read(connection, copy) != key.read_bytes():
            return {"detected": False, "position": None, "why": "A file that may be read was not read either."}
    with stage.attacker() as connection:
        try:
            theft.read(connection, key)
        except psycopg.errors.InsufficientPrivilege as refusal:
            return {"detected": True, "position": None, "why": f"{refusal}".partition("\n")[0]}
    return {"detected": False, "position": None, "why": "The key was read."}


def judged(verdict: Verdict, attack: Attack, place: int | str | None) -> dict[str, object]:
    """Found is what is named as what it is, at the place where it was done."""
    for each in verdict.findings:
        if each.kind in attack.kinds and _here(each, place):
            return {"detected": True, "position": each.position, **msgspec.to_builtins(each)}
    return {"detected": False, "position": None, "wanted": place, "findings": verdict.counts}


def _here(found: Finding, place: int | str | None) -> bool:
    if isinstance(place, int) and found.position is not None:
        return found.position <= place <= (found.until or found.position)
    return place in (None, found.row)


def clean(stage: Stage, org: Org, runs: int) -> Iterator[tuple[str, Verdict]]:
    """Looks at what nobody attacked: after growth, an erasure, a key rotation, a rebuild, and a kill of everything."""
    for number in range(runs):
        name, change = CHANGES[number % len(CHANGES)]
        change(stage, org)
        stage.settled(org)
        yield name, stage.verdict(org)


CHANGES: tuple[tuple[str, Callable[[Stage, Org], None]], ...] = (
    ("erasure", Stage.erased),
    ("rebuild", Stage.rebuilt),
    ("kill -9", Stage.killed),
    ("key rotation", Stage.rotated),
    ("growth", Stage.grown),
)


@app.default
def attacks(*names: str, runs: int = 3, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> int:
    """Every attack, or those named; exit code 1 where one is not found, or something is where nobody attacked.

    Args:
        names: Which attacks.
        runs: How often to look at one that nobody attacks, after an erasure, a rebuild, a kill, a key rotation, growth.
        as_json: One JSON object a line.
    """
    if unknown := [name for name in names if name not in ATTACKS]:
        sys.stderr.write(f"No such attack: {', '.join(unknown)}. There are: {', '.join(ATTACKS)}.\n")
        return 2
    with tempfile.TemporaryDirectory() as folder, staged(Path(folder) / "home") as stage:
        found, alarms = tried(stage, {name: ATTACKS[name] for name in names or ATTACKS}, runs, json=as_json)
    attempted = len(names or ATTACKS)
    _say({"attacks": attempted, "detected": found, "clean_runs": runs, "false_alarms": alarms}, json=as_json)
    return int(found < attempted or alarms > 0)


def tried(stage: Stage, chosen: dict[str, Attack | Theft | Silence], runs: int, *, json: bool) -> tuple[int, int]:
    """How many attacks were found, and how many clean runs were not clean."""
    *orgs, other, untouched = stage.found(len(chosen) + 2)
    found = alarms = 0
    for name, verdict in clean(stage, untouched, runs):
        alarms += not verdict.sound
        if not verdict.sound:
            _say({"false_alarm": name, "findings": verdict.findings}, json=json)
    for (name, attack), org in zip(chosen.items(), orgs, strict=True):
        line = attacked(stage, name, attack, org, other)
        found += bool(line["detected"])
        _say(line, json=json)
    return found, alarms


def _say(line: dict[str, object], *, json: bool) -> None:
    words = "  ".join(f"{name}={value}" for name, value in line.items() if value is not None)
    sys.stdout.write((msgspec.json.encode(line).decode() if json else words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(app())
