"""A person's export for people to read: one page of HTML that needs nothing else, and runs nothing.

Everything in it was written by somebody, perhaps by the person: each word of it is escaped, and the page forbids
whatever could be run or fetched.
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
    "h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem}table{border-collapse:collapse;margin:.5rem 0}"
    "th,td{border:1px solid #ccc;padding:.25rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
    "th{background:#f4f4f4;font-weight:600}.none{color:#666}"
)
_INFORMATION = {
    "purposes": "What it is kept for",
    "recipients": "To whom it went, or may have gone",
    "sources": "Where it came from",
    "retention": "How long it is kept",
    "profiling": "What a computer says about you, and how",
    "rights": "Your rights",
}
_TITLES = {
    "prospect": "What is known of you now",
    "events": "What was recorded about you, in its order",
    "predictions": "What was predicted about you, and why",
    "consents": "What you consented to",
    "erasure": "Your erasure",
    "holds": "What is held for a legal reason",
    "accesses": "What was done about you",
    "acts": "What you did yourself",
}


def page(export: Mapping[str, Any]) -> bytes:
    """The page of an export, made of what JSON can hold; UTF-8."""
    return "".join(_page(export)).encode()


def _page(export: Mapping[str, Any]) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'
    yield f"<title>What is kept about {escape(str(export['subject']))}</title><style>{_STYLE}</style></head>"
    yield "<body><h1>What is kept about you</h1>"
    yield f"<p>Your identifier is {escape(str(export['subject']))}. This holds what was recorded under it up to "
    yield f"position {escape(str(export['position']))} of the organisation's log."
    yield "</p>" if export["whole"] else " One of the lists is too long to be whole: ask for the rest.</p>"
    told = export["information"]
    yield f"<h2>Who answers for it</h2><p>{_shown(told['organisation'])}</p><p>{_shown(told['controller'])}</p>"
    for name, title in _INFORMATION.items():
        yield f"<h2>{title}</h2>{_shown(told[name])}"
    for name, title in _TITLES.items():
        yield f"<h2>{title}</h2>{_shown(export[name])}"
    yield "</body></html>\n"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        rows = "".join(f"<tr><th>{escape(str(name))}</th><td>{_shown(each)}</td></tr>" for name, each in value.items())
        return f"<table>{rows}</table>" if rows else _nothing()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _listed(value) if value else _nothing()
    return _nothing() if value is None else escape(str(value))


def _listed(values: Sequence[Any]) -> str:
    """A table where each is a thing with fields, else one after the other."""
    if not all(isinstance(each, Mapping) for each in values):
        return "<br>".join(map(_shown, values))
    names = list(dict.fromkeys(name for each in values for name in each))
    head = "".join(f"<th>{escape(str(name))}</th>" for name in names)
    rows = "".join(f"<tr>{''.join(f'<td>{_shown(each.get(name))}</td>' for name in names)}</tr>" for each in values)
    return f"<table><tr>{head}</tr>{rows}</table>"


def _nothing() -> str:
    return '<span class="none">nothing</span>'
