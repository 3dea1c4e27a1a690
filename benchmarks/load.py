"""What callers append: facts with two personal fields, full metadata and an idempotency key, as the API would."""

from itertools import count
from os import getpid
from uuid import UUID, uuid4

import msgspec

from application.kernel import Once
from domain.kernel import Actor, Circumstances, Fact, Meta
from domain.prospects import Captured, SignalObserved

CREDENTIAL = UUID(int=7)
_CIRCUMSTANCES = Circumstances("192.0.2.17", "b0c2d9f4a1e84f0f", "Mozilla/5.0 (X11; Linux x86_64)", "import of leads")
_numbers = count(1)


def captured() -> Captured:
    """Somebody new: no two have the same mail address, whichever process they come from."""
    number = next(_numbers)
    return Captured(f"Augusta Ada King {number}", f"ada.king.{getpid()}.{number}@example.org", "computing")


def signal() -> SignalObserved:
    return SignalObserved("page-viewed", 0.5, ("pricing",))


def meta() -> Meta:
    return Meta(
        event=uuid4(),
        actor=Actor("key", CREDENTIAL),
        permission="prospects.capture",
        rule="role:member",
        correlation=uuid4(),
        trace=uuid4().hex,
        circumstances=_CIRCUMSTANCES,
    )


def once(*facts: Fact) -> Once:
    """A key of the caller's, and the bytes of the request it stands for."""
    return Once(CREDENTIAL, str(uuid4()), msgspec.json.encode(facts))
