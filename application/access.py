"""The names under which requests are known: what is granted, refused and audited."""

import re
from functools import cache
from typing import Any

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def name(asked: Any) -> str:
    """`prospects.capture` for `application.prospects.Capture`: of a command or a query, or of its class."""
    return _name(asked if isinstance(asked, type) else type(asked))


@cache
def _name(kind: type) -> str:
    return f"{kind.__module__.split('.')[1]}.{_HUMP.sub('-', kind.__name__).lower()}"
