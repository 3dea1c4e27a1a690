"""A connection from the router to a cell."""

import asyncio
from typing import Final

import h11

CHUNK: Final = 64 * 1024
"""Bytes that are read at a time."""


class Broken(Exception):
    """The cell's connection ended before its answer did, or what came over it was no HTTP."""


class Upstream:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.wire = h11.Connection(h11.CLIENT)

    def event(self) -> object:
        """What comes next of an answer, or `h11.NEED_DATA` where that is not here yet. Raises `Broken`."""
        try:
            event = self.wire.next_event()
        except h11.ProtocolError as problem:
            raise Broken from problem
        if isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
            raise Broken
        return event

    async def wait(self) -> None:
        """Until more has come, or the end. Raises `Broken`."""
        try:
            self.wire.receive_data(await self.reader.read(CHUNK))
        except (OSError, h11.ProtocolError) as problem:
            raise Broken from problem

    async def send(self, event: h11.Event) -> None:
        """Raises `Broken`."""
        try:
            self.writer.write(self.wire.send(event) or b"")
            await self.writer.drain()
        except (OSError, h11.LocalProtocolError) as problem:
            raise Broken from problem

    def again(self) -> bool:
        """Make ready for another request; False where the connection is of no further use."""
        if self.wire.our_state is h11.DONE and self.wire.their_state is h11.DONE:
            self.wire.start_next_cycle()
            return True
        return False


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, early: bytes) -> None:
    """Everything from one side to the other, `early` first."""
    data = early or await reader.read(CHUNK)
    while data:
        writer.write(data)
        await writer.drain()
        data = await reader.read(CHUNK)
