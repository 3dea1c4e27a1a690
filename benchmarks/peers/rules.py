"""The same rules as ours for the least that a decision can cost, and for pycasbin as it comes."""

import time
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from casbin import Enforcer
from casbin.model import Model
from casbin.persist import Adapter

from domain.access import ROLES

Question = tuple[str, str]
"""A subject, and the permission that it asks for."""

# Without domains the library keeps its roles in a plain table; with them it needs a minute for 10,000 members.
_MODEL = """
[request_definition]
r = sub, act
[policy_definition]
p = sub, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.act == p.act && g(r.sub, p.sub)
"""


def compiled(members: Mapping[UUID, str]) -> dict[Question, str]:
    """Every permission of every member, and the rule that gives it."""
    return {
        (f"user:{member}", permission): f"p, role:{role}, {permission}"
        for member, role in members.items()
        for permission in ROLES[role]
    }


def stock(members: Mapping[UUID, str]) -> Enforcer:
    """The library's own enforcer and role manager."""
    model = Model()
    model.load_model_from_text(_MODEL)
    return Enforcer(model, _Rules(members))


class _Rules(Adapter):  # type: ignore[misc] # the library ships no types
    def __init__(self, members: Mapping[UUID, str]) -> None:
        self._members = members

    def load_policy(self, model: Model) -> None:
        for role, permissions in ROLES.items():
            for permission in sorted(permissions):
                model.add_policy("p", "p", [f"role:{role}", permission])
        for member, role in self._members.items():
            model.add_policy("g", "g", [f"user:{member}", f"role:{role}"])


def rate(questions: Sequence[Question], seconds: float, decide: Callable[[str, str], object]) -> float:
    """Decisions per second, one after the other, the questions over and over."""
    began = now = time.perf_counter()
    stop, done = began + seconds, 0
    while now < stop:
        for subject, permission in questions:
            decide(subject, permission)
            done += 1
            # The clock costs as much as the fastest decision.
            if done % 64 == 0 and time.perf_counter() >= stop:
                break
        now = time.perf_counter()
    return done / (now - began)
