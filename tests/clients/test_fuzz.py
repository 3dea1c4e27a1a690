"""Whatever is done to a file, the verifier ends with 1 or 2, and with 0 only where the file still says what is so."""

import io
import json
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from copy import deepcopy
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from tests.clients import true
from tests.clients.bundles import LOG, WON, chosen, complete, consistency, inclusion, text
from tests.clients.verifier import verifier

FILES = [
    text(complete(8, 1, 8, WON)), text(complete(8, 1, 8, {})), text(complete(7, 2, 5, WON)),
    text(complete(0, 1, 0, {})), text(chosen(9, [2, 5, 9])), json.dumps(inclusion(2, 5)), json.dumps(consistency(3, 7)),
    json.dumps(consistency(0, 4)),
]  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2**65) | st.text(max_size=9) | st.sampled_from([1e9, float("nan"), ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


Change = Callable[[Any, bytes], bytes]


@st.composite
def bent(draw: Any, files: Sequence[str], changes: Sequence[Change]) -> bytes:
    """A file after one to three changes: of its bytes, its lines, or the values in them."""
    raw = files[draw(place(files))].encode()
    for change in draw(st.lists(st.sampled_from(changes), min_size=1, max_size=3)):
        raw = change(draw, raw)
    return raw


def bitten(draw: Any, raw: bytes) -> bytes:
    at, cut, start = draw(place(raw)), draw(st.sampled_from([0, 1, 1, 1, 7, 100])), draw(place(raw))
    if draw(st.booleans()) and raw:
        new = bytes([raw[at % len(raw)] ^ 1 << draw(st.integers(0, 7))])
    else:
        new = draw(st.binary(max_size=4) | st.just(raw[start : start + 50]))
    return raw[:at] + new + raw[at + cut :]


def place(among: Sequence[Any]) -> st.SearchStrategy[int]:
    return st.integers(0, max(0, len(among) - 1))


def moved(draw: Any, raw: bytes) -> bytes:
    lines = raw.splitlines(keepends=True) or [b"\n"]
    one, two = draw(place(lines)), draw(place(lines))
    other = FILES[draw(place(FILES))].encode().splitlines(keepends=True)
    kind = draw(st.sampled_from(["drop", "again", "swap", "foreign"]))
    if kind == "drop":
        del lines[one]
    elif kind == "again":
        lines.insert(one, lines[two])
    elif kind == "swap":
        lines[one], lines[two] = lines[two], lines[one]
    else:
        lines[one] = other[one if one < len(other) and draw(st.booleans()) else draw(place(other))]
    return b"".join(lines)


def replaced(draw: Any, raw: bytes) -> bytes:
    """Another value at a place, or one that stands elsewhere in the file."""
    lines = raw.splitlines()
    try:
        found = [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        return raw
    places = [(each, at) for number, each in enumerate(found) for at in inside(each)]
    if not places:
        return raw
    (top, path), (source, there) = places[draw(place(places))], places[draw(place(places))]
    holder, key = reach(top, path[:-1]), path[-1]
    value = draw(VALUES | st.just(deepcopy(reach(source, there))) | st.integers(0, 12))
    if draw(st.integers(0, 9)) == 0:
        del holder[key]
    else:
        holder[key] = value
    return "".join(json.dumps(each) + "\n" for each in found).encode()


def inside(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, each in steps for place in [(*path, key), *inside(each, (*path, key))]]


def reach(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def asked(path: Path, raw: bytes, *options: str) -> int:
    path.write_bytes(raw)
    with redirect_stdout(io.StringIO()):
        code: int = verifier.main([str(path), "--json", *options])
    return code


def fuzzed(folder: Path, seed: int, many: int, strategy: st.SearchStrategy[bytes]) -> None:
    """Asks about so many; raises what the verifier raises, and AssertionError for a file that it should not believe."""

    def check(given: bytes) -> None:
        code = asked(folder / "bent", given, "--key", LOG.vkey)
        assert code in {1, 2} or (code == 0 and true.holds(given)), (code, given)

    once = hypothesis.given(strategy)(check)
    quiet = settings(
        max_examples=many,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    quiet(hypothesis.seed(seed)(once))()


def test_the_files_that_are_bent_are_true_and_believed(tmp_path):
    for each in FILES:
        assert true.holds(each.encode())
        assert asked(tmp_path / "file", each.encode(), "--key", LOG.vkey) == 0
    false = text(complete(8, 1, 8, {})).replace('"count": 8', '"count": 7')
    assert not true.holds(false.encode())


@pytest.mark.parametrize("many", [150, pytest.param(30_000, marks=pytest.mark.long)])
def test_no_bent_file_is_believed_and_none_ends_in_a_traceback(tmp_path, seed, many):
    fuzzed(tmp_path, seed, many, bent(FILES, [bitten, moved, replaced]))


def blind(self: Any, event: dict[str, Any], position: int) -> bytes:
    self.shown += 1
    return bytes(verifier.leaf(verifier.entry(event["fields"], event["digests"], {})))


# A check that is left out, what is done to which files, and what the fuzzer then meets.
WRONG: dict[str, tuple[Any, str, Any, list[str], Change, tuple[type[BaseException], ...]]] = {
    "signature": (verifier, "signed", lambda *_: True, FILES[-1:], bitten, (AssertionError,)),
    "disclosure": (verifier.Bundle, "_leaf", blind, FILES[:2], moved, (AssertionError,)),
    "kinds": (verifier, "typed", lambda value, *_: value, FILES, replaced, (AttributeError, TypeError, KeyError)),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_fuzzer_finds_what_a_careless_verifier_believes(tmp_path, seed, monkeypatch, name):
    """The control: the same changes against a verifier that leaves a check out."""
    where, what, careless, files, change, met = WRONG[name]
    monkeypatch.setattr(where, what, careless)
    with pytest.raises(met):
        fuzzed(tmp_path, seed, 3_000, bent(files, [change]))
