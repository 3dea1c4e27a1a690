"""A pipeline over logs in memory."""

from typing import ClassVar
from uuid import UUID

from msgspec import Struct

from application.audit import Trail
from application.kernel import Caller
from application.pipeline import Pipeline
from application.ports import Decision
from domain.kernel import Actor, Refused

TENANT, KEY, ADA = UUID(int=1), UUID(int=2), UUID(int=3)
caller = Caller(tenant=TENANT, actor=Actor("key", KEY))


class Permits:
    """Access that denies the named permissions."""

    def __init__(self, *denied):
        self.denied = denied

    async def decide(self, caller, permission, resource=""):
        return Decision(permission not in self.denied, f"rule for {permission}")


class Seen:
    def __init__(self, reached=lambda seconds: True):
        self.waited = []
        self._reached = reached

    async def reached(self, position, seconds, generation=None, views=()):
        self.waited.append((generation, position))
        return self._reached(seconds)


class Ask(Struct):
    permission: ClassVar = "prospects.read"

    async def answer(self, reads):
        return "answer"


class AskWrongly(Ask):
    async def answer(self, reads):
        raise Refused("query.unknown-field")


def piped(logs, access=None, reads=None, rate=600):
    return Pipeline(logs, access or Permits(), Trail(logs, rate), lambda _: reads or Seen())
