"""The reference as pages that need nothing else: no script, no font, no other host."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from api.problems import PROBLEMS

STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; } h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { overflow: auto; padding: .75rem; border: 1px solid var(--line); }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: .5rem .75rem; }
summary { cursor: pointer; } summary b { display: inline-block; min-width: 4rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .25rem .5rem;
border-bottom: 1px solid var(--line); }
"""


def page(document: dict[str, Any]) -> bytes:
    """Every operation with its parameters, bodies and problems."""
    info, schemas = document["info"], document["components"]["schemas"]
    parts = [f"<p>{_prose(info['description'])}</p>", '<p><a href="/openapi.json">OpenAPI 3.1 document</a></p>']
    for tag in document["tags"]:
        found = list(_tagged(document, tag["name"]))
        if found:
            parts.append(
                f"<h2 id='{escape(tag['name'])}'>{escape(tag['name'])}</h2><p>{escape(tag['description'])}</p>"
            )
            parts += [_operation(*each) for each in found]
    parts.append("<h2 id='schemas'>schemas</h2>")
    parts += [_schema(name, schema) for name, schema in sorted(schemas.items())]
    return _whole(f"{info['title']} {info['version']}", "".join(parts))


def errors() -> bytes:
    """Every code, with what to do."""
    rows = "".join(
        f"<tr id='{escape(code)}'><td><code>{escape(code)}</code></td><td>{kind.status}</td>"
        f"<td>{escape(kind.title)}.</td><td>{escape(kind.advice)}</td></tr>"
        for code, kind in PROBLEMS.items()
    )
    head = "<tr><th>code</th><th>status</th><th>what</th><th>what to do</th></tr>"
    return _whole("Everlog: what can go wrong", f"<p><a href='/docs'>Reference</a></p><table>{head}{rows}</table>")


def _tagged(document: dict[str, Any], tag: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if tag in operation.get("tags", ()):
                yield method.upper(), path, operation


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<tr><td><code>{escape(each['name'])}</code></td><td>{each['in']}</td>"
        f"<td>{escape(each.get('description', ''))} <code>{escape(json.dumps(each['schema']))}</code></td></tr>"
        for each in operation.get("parameters", ())
    )
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    answers = "".join(
        f"<tr><td>{status}</td><td>{_prose(each['description'])} {_linked(each)}</td></tr>"
        for status, each in operation["responses"].items()
    )
    return (
        f"<details id='{escape(operation['operationId'])}'><summary><b>{method}</b> <code>{escape(path)}</code> "
        f"{escape(operation['summary'])}</summary><p>{_prose(operation.get('description', ''))}</p>"
        + (f"<table>{parameters}</table>" if parameters else "")
        + (f"<p>Body: {_link(body)}</p>" if body else "")
        + f"<table>{answers}</table></details>"
    )


def _schema(name: str, schema: dict[str, Any]) -> str:
    text = escape(json.dumps(schema, indent=2, ensure_ascii=False))
    return (
        f"<details id='schema-{escape(name)}'><summary><code>{escape(name)}</code></summary><pre>{text}</pre></details>"
    )


def _linked(response: dict[str, Any]) -> str:
    schemas = (media.get("schema") for media in response.get("content", {}).values())
    return " ".join(_link(schema) for schema in schemas if schema)


def _link(schema: dict[str, Any]) -> str:
    if "$ref" not in schema:
        return f"<code>{escape(json.dumps(schema))}</code>"
    name = escape(schema["$ref"].rpartition("/")[2])
    return f"<a href='#schema-{name}'>{name}</a>"


def _prose(text: str) -> str:
    """Code and lines of our own descriptions, which need no more of Markdown."""
    parts = escape(text).split("`")
    coded = "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))
    return coded.replace("\n- ", "<br>• ").replace("\n\n", "<br>").replace("**", "")


def _whole(title: str, body: str) -> bytes:
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>"
        f"<meta name='viewport' content='width=device-width'><style>{STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    ).encode()
