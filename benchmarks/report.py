"""What was measured: a table for people, one JSON object a line for machines."""

import sys
from collections.abc import Iterable

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.kernel import Line


def as_json(line: Line) -> None:
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


def as_table(lines: Iterable[Line], console: Console) -> None:
    table = Table(title="More is better in every ratio", title_justify="left")
    for name in ("job", "case", "against", "kind"):
        table.add_column(name)
    for name in ("ours", "theirs", "unit", "ratio", "min … max", "aim", "rounds", "foreign cpu"):
        table.add_column(name, justify="left" if name == "unit" else "right")
    for line in lines:
        table.add_row(
            *(line.job, line.case, line.against, line.kind, f"{line.ours:,g}", f"{line.theirs:,g}", line.unit),
            f"{line.ratio.median:g}",
            f"{line.ratio.min:g} … {line.ratio.max:g}",
            "" if line.aim is None else f"{line.aim:g}",
            f"{line.rounds}{_aside(line)}",
            f"{line.foreign_cpu:.0%}",
        )
    console.print(table)
    for note in dict.fromkeys(f"{line.job}, {line.against}: {line.note}" for line in lines if line.note):
        console.print(note, style="dim", highlight=False)


def _aside(line: Line) -> str:
    """Rounds that were left out for what others did to the machine, and those that had to count in spite of it."""
    told = (f" (-{line.left_out})" if line.left_out else "", f" ({line.disturbed} disturbed)" if line.disturbed else "")
    return "".join(told)
