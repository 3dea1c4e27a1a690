"""What the environment may hold, as a page: from the settings and the words beside them."""

import ast
from inspect import cleandoc
from pathlib import Path
from typing import Final

from api import settings

HEAD = """# Configuration

Everything is set by environment variables; none is needed with the embedded servers. Written by `make docs`.

| variable | default | |
|---|---|---|
"""
FURTHER: Final = {
    "EVERLOG_LOG_LEVEL": ("INFO", "From which level on lines are logged; WARNING for commands at a terminal."),
    "EVERLOG_METRICS_PORT": (
        "",
        "Where a worker answers Prometheus; the next free port where several run. Without it, it does not.",
    ),
    "EVERLOG_METRICS_HOST": (
        "127.0.0.1",
        "On which address; `0.0.0.0` where Prometheus comes over a network of its own: nothing is encrypted.",
    ),
    "EVERLOG_STREAM_MAX_AGE_SECONDS": ("0", "How long JetStream keeps events; 0: for ever. The log keeps them anyway."),
    "EVERLOG_STREAM_MAX_BYTES": ("0", "How much it keeps, of all organisations together; 0: everything."),
    "EVERLOG_STREAM_REPLICAS": ("1", "On how many servers of a NATS cluster."),
    "EVERLOG_STREAM_DUPLICATES_SECONDS": ("120", "For how long NATS itself refuses a message that it has seen."),
    "OTEL_EXPORTER_OTLP_ENDPOINT": (
        "",
        "Where traces are sent; none are collected without it. See [Telemetry](telemetry.md).",
    ),
}
"""What is read where it is used; variable → default and words."""
INNER: Final = {"EVERLOG_LEASH"}
"""How one process of `everlog serve` holds another; nothing to set."""


def page() -> str:
    words, defaults = described(), defaults_of()
    rows = {variable: (defaults.get(name, ""), words[name]) for name, variable in settings.NAMES.items()} | FURTHER
    lines = [
        f"| `{variable}` | {f'`{default}`' if default else ''} | {said} |" for variable, (default, said) in rows.items()
    ]
    return HEAD + "\n".join(lines) + "\n"


def described() -> dict[str, str]:
    """The words below each setting."""
    told = {}
    for field, below in zip(_body(), _body()[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                told[name] = cleandoc(text).replace("\n", " ")
    return told


def defaults_of() -> dict[str, str]:
    return {
        field.target.id: str(ast.literal_eval(field.value))
        for field in _body()
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.value is not None
    }


def _body() -> list[ast.stmt]:
    tree = ast.parse(Path(settings.__file__).read_text(encoding="utf-8"))
    return next(each.body for each in tree.body if isinstance(each, ast.ClassDef) and each.name == "Settings")
