"""What an event says beyond its entry, as it may leave the product: without anything that is about a person."""

from functools import cache
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints
from uuid import UUID

from msgspec import Meta, to_builtins

from domain.audit import Read, divided
from domain.kernel import Erased, Fact, Recorded, Sealed, Unreadable
from domain.orgs import Joined, Removed, RoleChanged
from projections.audit.about import subjects

_ASKED = ("filter", "given")
"""Fields of what was asked for: words stood in them in the clear before they were sealed."""


class Told(NamedTuple):
    fact: dict[str, Any]
    """Ready for JSON."""
    subjects: tuple[UUID, ...]
    """All persons it is about."""
    member: UUID | None = None
    """Whose place in the organisation it changed."""
    role: str = ""
    """The one that they had from then on; the last, where they were removed."""
    shown: tuple[UUID, ...] | None = None
    """Whose data a read showed, and in how many rows; None of what is no read."""
    rows: int = 0


NOTHING = Told({}, ())


def told(recorded: Recorded) -> Told:
    fact, about = recorded.fact, subjects(recorded)
    match fact:
        case Joined() | Removed():
            return Told(clear(fact), about, fact.member, fact.role)
        case RoleChanged():
            return Told(clear(fact), about, fact.member, fact.taken)
        case Read(looks=looks):
            # By the integers of UUIDs, which hash many times faster than UUIDs do.
            shown = tuple({each.int: each for look in looks for each in look.subjects}.values())
            return Told(clear(fact), about, shown=shown, rows=sum(look.rows for look in looks))
        case Unreadable():
            return Told({}, about)
    return Told(clear(fact), about)


def clear(fact: Fact) -> dict[str, Any]:
    """A fact, ready for JSON; what is about a person is left out, and so is what there is none of, and bytes."""
    kept: dict[str, Any] = {}
    for name in _names(type(fact)):
        value = getattr(fact, name)
        # By its type it is nobody's; should one be sealed nevertheless, it stays.
        if value not in (None, "") and not isinstance(value, Sealed | Erased | bytes):
            kept[name] = divided(value)[0] if name in _ASKED else value
    shown: dict[str, Any] = to_builtins(kept)
    return shown


@cache
def _names(fact: type[Fact]) -> tuple[str, ...]:
    """The fields that are about nobody."""
    hints = get_type_hints(fact, include_extras=True)
    return tuple(name for name in fact.__struct_fields__ if not _personal(hints[name]))


def _personal(hint: Any) -> bool:
    """Whether it, or a part of its type, is about a person."""
    metas = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return any(isinstance(each, Meta) and (each.extra or {}).get("personal") for each in metas) or any(
        _personal(each) for each in get_args(hint) if each is not hint
    )
