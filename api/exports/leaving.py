"""What is taken away: the log says that it begins before the first of it leaves, and what had left when it ended."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from hashlib import sha256
from typing import NamedTuple
from uuid import uuid4

from msgspec.structs import replace

from api.inbound import Put
from application.exports import Begin, End
from application.kernel import Caller
from application.pipeline import Asked, Pipeline
from domain.exports import Begun
from domain.kernel import Actor
from tenants.context import SYSTEM

_PROGRAM = Actor("system", SYSTEM)


class Part(NamedTuple):
    """Bytes that leave together, and the records in them: how many, and the positions of the first and the last."""

    body: bytes
    rows: int = 0
    first: int = 0
    last: int = 0


class Leaving:
    """One answer to one caller; `id` is what the log knows it by."""

    def __init__(self, pipeline: Pipeline, caller: Caller, begun: Begun) -> None:
        self.id = uuid4()
        self._pipeline = pipeline
        self._caller = caller
        self._begun = begun
        self._digest = sha256()
        self.rows = 0
        self._first = self._last = self._size = 0
        self._whole = False

    async def begin(self) -> None:
        """Raises what the pipeline does; then nothing may leave."""
        whose = self._caller.actor
        # An operator's words stand and fall with the export: no organisation can erase who runs the program.
        begun = replace(self._begun, under=whose.id if whose.kind in ("user", "key") else self.id)
        begin = Begin(**{name: getattr(begun, name) for name in begun.__struct_fields__})
        await self._pipeline.run(self._caller, Asked(begin, self.id))

    async def send(self, put: Put, parts: AsyncGenerator[Part]) -> None:
        """Whoever hangs up has taken away what had left by then."""
        try:
            async with aclosing(parts) as coming:
                async for each in coming:
                    await self._part(put, each)
            self._whole = True
        finally:
            await asyncio.shield(self._end())

    async def _part(self, put: Put, part: Part) -> None:
        if part.body:
            await put(part.body)
            self._digest.update(part.body)
            self._size += len(part.body)
        self.rows += part.rows
        self._first = self._first or part.first
        self._last = part.last or self._last

    async def _end(self) -> None:
        ended = End(
            rows=self.rows,
            first=self._first,
            last=self._last,
            size=self._size,
            digest=self._digest.hexdigest(),
            whole=self._whole,
        )
        # The program says what left: also where the caller's key was revoked meanwhile.
        caller = replace(self._caller, actor=_PROGRAM, scopes=None, member=None, on_behalf_of=self._caller.actor)
        await self._pipeline.run(caller, Asked(ended, self.id))
