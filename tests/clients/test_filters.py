"""A filtered bundle leaves nothing out that matches and opens nothing that does not, by whatever it is filtered."""

import json
from functools import cache
from typing import Any

import pytest

from tests.clients import bundles, true
from tests.clients.bundles import NAMES, chosen, complete, event, line, text
from tests.clients.verifier import verifier

SIZE = 6
FILTERS: dict[str, dict[str, list[Any]]] = {
    "type": {"type": ["prospects.won"]},
    "permission": {"permission": ["prospects.win", "nobody.has"]},
    "stream": {"stream": [event(4)["stream"].decode(), "campaigns/"]},
    "actor": {"actor": ["user/00000000-0000-0000-0000-000000000001"]},
    "subjects": {"subjects": [json.loads(event(5)["subjects"])[0]]},
    "recorded_at": {"recorded_at": [1003, 1006]},
    "two": {"type": ["prospects.captured"], "recorded_at": [None, 1005]},
}


def matching(sought: dict[str, list[Any]]) -> set[int]:
    each = range(1, SIZE + 1)
    return {at for at in each if all(true.matched(name, values, at) for name, values in sought.items())}


def filtered(sought: dict[str, list[Any]], instead: dict[int, list[str]] | None = None) -> str:
    """What an honest writer makes, but for the lines that show something else."""
    head, *_, tail = whole()
    shown = {at: NAMES if at in matching(sought) else list(sought) for at in range(1, SIZE + 1)} | (instead or {})
    return text([{**head, "filter": sought}, *(line(at, names) for at, names in shown.items()), tail])


@cache
def whole() -> list[dict[str, Any]]:
    return complete(SIZE, 1, SIZE, {})


@pytest.mark.parametrize("name", FILTERS)
def test_a_matching_event_that_is_left_out_is_missed(answer, name):
    """Hidden behind its digests, its other fields held back one by one, or its line taken away."""
    sought = FILTERS[name]
    code, report = answer(filtered(sought))
    assert (code, report["events"], report["shown"]) == (0, SIZE, len(matching(sought)))
    assert 0 < len(matching(sought)) < SIZE
    for at in matching(sought):
        for hidden in ([*sought], [], *([kept for kept in NAMES if kept != one] for one in NAMES if one not in sought)):
            code, report = answer(filtered(sought, {at: hidden}))
            assert (code, report["position"]) == (1, at), hidden
        lines = filtered(sought).splitlines(keepends=True)
        tail = json.loads(lines.pop()) | {"count": SIZE - 1}
        del lines[at]
        code, report = answer("".join(lines) + json.dumps(tail) + "\n")
        assert (code, report["position"]) == (1, at if at < SIZE else None)


@pytest.mark.parametrize("name", FILTERS)
def test_no_field_of_an_event_that_does_not_match_can_be_opened(answer, name):
    sought = FILTERS[name]
    for at in set(range(1, SIZE + 1)) - matching(sought):
        for more in [[*sought, one] for one in NAMES if one not in sought] + [NAMES]:
            code, report = answer(filtered(sought, {at: more}))
            assert (code, report["position"]) == (1, at), more


def test_chosen_events_are_those_that_match_alone(answer):
    lines = chosen(SIZE, [3, 6])
    lines[0]["filter"] = FILTERS["type"]
    assert answer(text(lines))[0] == 0
    lines = chosen(SIZE, [3, 4])
    lines[0]["filter"] = FILTERS["type"]
    code, report = answer(text(lines))
    assert (code, report["position"]) == (1, 4)


def test_it_is_the_filter_that_finds_what_was_left_out(answer, monkeypatch):
    """The control: by the hashes alone, what the tests above see refused adds up."""
    sought = FILTERS["type"]

    def unfiltered(self: Any, event: dict[str, Any], position: int) -> bytes:
        return bytes(verifier.leaf(verifier.entry(event["fields"], event["digests"], {})))

    monkeypatch.setattr(verifier.Bundle, "_leaf", unfiltered)
    assert answer(filtered(sought, {3: ["type"]}))[0] == 0
    assert answer(filtered(sought, {4: NAMES}))[0] == 0
    assert sought == bundles.WON
