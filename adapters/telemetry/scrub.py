"""What may stand in a log line. Everything else is named, so that its absence is seen, and withheld."""

import re
from collections.abc import Mapping, MutableMapping
from datetime import date, timedelta
from enum import Enum
from pathlib import PurePath
from traceback import walk_tb
from types import TracebackType
from typing import Any
from uuid import UUID

KEYS = frozenset(
    {
        "actor", "attempts", "client", "code", "commands", "count", "event", "events", "exception", "generation", "job",
        "lag", "level", "logger", "method", "model", "name", "part", "pid", "place", "port", "position", "problem",
        "request", "retry", "route", "seconds", "service", "share", "span", "status", "stream", "tenant", "thread",
        "timestamp", "trace", "type", "version", "view", "views", "withheld", "worker",
    }
)  # fmt: skip
"""The words that lines are written with. A new one is added here once it is known what its values can hold."""

OURS = ("adapters", "api", "application", "deploy", "domain", "projections", "tenants")
PLAIN = ("_granian", "granian")
"""Loggers of others whose finished sentences hold nothing but addresses and numbers of processes."""
WITHHELD = "(withheld)"
LONGEST = 2000

_HARMLESS = (bool, int, float, UUID, date, timedelta, Enum, PurePath, type(None))
_SECRETS = (
    (re.compile(r"\beverlog_[A-Za-z0-9_\-.]+"), "everlog_…"),
    (re.compile(r"\b(bearer|basic)\s+\S+", re.IGNORECASE), r"\1 …"),
    (re.compile(r"://[^/\s@]*@"), "://…@"),
    (re.compile(r"\b(password|token|secret|authorization)(\"?\s*[=:]\s*)\S+", re.IGNORECASE), r"\1\2…"),
    (re.compile(r"[^\s@<>\"'(),;:=]+@[^\s@<>\"'(),;:=]+"), "…@…"),
    (re.compile(r"\?[^\s\"']*=[^\s\"']*"), "?…"),
)
_PLAIN = re.compile(r"(?:(?:user|key|system|model|operator):)?[A-Za-z0-9{}/.\-]{0,200}")
"""Identifiers, routes and single words: nothing is to be taken out of them."""


def text(words: str) -> str:
    """The same with what looks like a secret or a mail address taken out, and not without end."""
    if _PLAIN.fullmatch(words):
        return words
    for pattern, instead in _SECRETS:
        words = pattern.sub(instead, words)
    return words if len(words) <= LONGEST else words[:LONGEST] + "…"


def value(each: Any) -> Any:
    """What a value may be shown as: numbers, ids and times as they are, words scrubbed, anything else by its type."""
    match each:
        case bool() | int() | float() | None:
            return each
        case str():
            return text(each)
        case BaseException():
            return problem(each)
        case list() | tuple() | set() | frozenset():
            return [value(one) for one in each]
    return text(str(each)) if isinstance(each, _HARMLESS) else f"({type(each).__name__})"


def problem(error: BaseException) -> str:
    """An exception by its type and, if the database raised it, its code: its words may quote what somebody entered."""
    named = type(error).__name__
    known = getattr(error, "sqlstate", None) or getattr(error, "code", None)
    return f"{named} {known}" if isinstance(known, str) and re.fullmatch(r"[\w.\-]{1,60}", known) else named


def frames(error: BaseException) -> list[str]:
    """Where an exception came by, and what led to it: code, no words."""
    found, seen = [], set[int]()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        found.append(problem(each))
        found += _frames(each.__traceback__)
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)
    return found[:60]


def _frames(traceback: TracebackType | None) -> list[str]:
    return [f"{_short(frame.f_code.co_filename)}:{line} {frame.f_code.co_name}" for frame, line in walk_tb(traceback)]


def _short(file: str) -> str:
    return "/".join(PurePath(file).parts[-3:])


def keys(_: object, __: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """A structlog processor: known words with their values shown safely; the names of all others."""
    shown = {key: value(each) for key, each in line.items() if key in KEYS}
    if others := sorted(text(str(key)) for key in line.keys() - KEYS):
        shown["withheld"] = others
    return shown


def message(logger: str, template: object, arguments: Any) -> str:
    """A standard library record's message. Words that others put in are not ours to show."""
    ours = logger.partition(".")[0] in OURS
    if not isinstance(template, str):
        return WITHHELD
    if not arguments:
        return text(template) if ours or logger.partition(".")[0] in PLAIN else WITHHELD
    show = _argument if ours else _strangers
    try:
        # A mapping alone may also be meant as one value.
        if isinstance(arguments, Mapping) and "%(" not in template:
            arguments = (arguments,)
        if isinstance(arguments, Mapping):
            return text(template % {key: show(each) for key, each in arguments.items()})
        return text(template % tuple(show(each) for each in arguments))
    except (TypeError, ValueError, KeyError):
        # A number's format met a word: the sentence alone says what happened.
        return text(template)


def _argument(each: Any) -> Any:
    shown = value(each)
    return each if isinstance(each, bool | int | float) else shown


def _strangers(each: Any) -> Any:
    return WITHHELD if isinstance(each, str | bytes) else _argument(each)
