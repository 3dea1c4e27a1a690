"""Litestar routes that run the same queries, and write one row: no API key, rate, permission, wall or audit.

What they answer is worth as much to the caller as our own answer: personal values are opened, under keys that were
unwrapped beforehand, by the few lines that it takes. `/plain/…` has the same rows in the clear and opens nothing. What
to run comes through the environment.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import uvloop
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar, get, post
from litestar.datastructures import State
from litestar.params import FromPath, JSONBody
from msgspec import Struct
from psycopg_pool import AsyncConnectionPool

CONFIG = "BENCH_ROUTE"


class Config(Struct, frozen=True):
    url: str
    one: str
    """SQL for the row of one id, `%(id)s`, from the table in braces."""
    many: str
    """SQL for the first 50 rows."""
    tables: tuple[str, str]
    """Where the rows lie sealed, and where they lie in the clear."""
    keys: str
    """The file with the subjects' keys, and what their boxes are bound to before the binding: a list of `Key`."""
    new: str
    """SQL that writes one row: `%(id)s`, `%(tenant)s`, `%(meta)s` and `%(body)s`."""
    tenant: UUID
    meta: int
    """Bytes of metadata that one of our events has."""
    pool: int = 8


class Key(Struct, frozen=True):
    subject: UUID
    key: bytes
    prefix: bytes


class Box(Struct):
    subject: UUID
    binding: str
    box: bytes


_box = msgspec.msgpack.Decoder(Box).decode
_json = msgspec.json.Decoder().decode


@asynccontextmanager
async def _pool(app: Litestar) -> AsyncIterator[None]:
    config = msgspec.json.decode(os.environ[CONFIG], type=Config)
    app.state.config = config
    file = await asyncio.to_thread(Path(config.keys).read_bytes)
    keys = msgspec.json.decode(file, type=list[Key])
    app.state.subjects = {each.subject: (AESGCM(each.key), each.prefix) for each in keys}
    async with AsyncConnectionPool(
        config.url, kwargs={"autocommit": True}, min_size=config.pool, max_size=config.pool, open=False
    ) as pool:
        app.state.pool = pool
        yield


class Captured(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    email: str
    industry: str


async def _rows(state: State, sql: str, params: dict[str, Any]) -> list[dict[str, Any]]:
    async with state.pool.connection() as connection:
        cursor = connection.cursor(binary=True)
        await cursor.execute(sql, params, prepare=True)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]


def _opened(state: State, row: dict[str, Any]) -> dict[str, Any]:
    for name in ("name", "email", "attributes"):
        box = _box(row[name])
        aead, prefix = state.subjects[box.subject]
        row[name] = _json(aead.decrypt(box.box[1:13], box.box[13:], prefix + box.binding.encode()))
    row["attributes"] = dict(row["attributes"])
    return row


@get("/one/{id:uuid}")
async def one(state: State, id: FromPath[UUID]) -> dict[str, Any]:
    config = state.config
    return _opened(state, (await _rows(state, config.one.format(config.tables[0]), {"id": id}))[0])


@get("/many")
async def many(state: State) -> list[dict[str, Any]]:
    config = state.config
    return [_opened(state, row) for row in (await _rows(state, config.many.format(config.tables[0]), {}))[:50]]


@get("/plain/one/{id:uuid}")
async def plain_one(state: State, id: FromPath[UUID]) -> dict[str, Any]:
    config = state.config
    return (await _rows(state, config.one.format(config.tables[1]), {"id": id}))[0]


@get("/plain/many")
async def plain_many(state: State) -> list[dict[str, Any]]:
    config = state.config
    return (await _rows(state, config.many.format(config.tables[1]), {}))[:50]


@post("/new")
async def new(state: State, data: JSONBody[Captured]) -> dict[str, Any]:
    id, body = uuid4(), msgspec.json.encode(data)
    params = {"id": id, "tenant": state.config.tenant, "meta": b"m" * state.config.meta, "body": body}
    async with state.pool.connection() as connection:
        await connection.execute(state.config.new, params, prepare=True)
    return {"id": id}


app = Litestar([one, many, plain_one, plain_many, new], lifespan=[_pool], openapi_config=None)


if __name__ == "__main__":
    # The very server that the product runs under, in one process and one event loop.
    server = Server(app, port=int(sys.argv[1]), interface=Interfaces.ASGI, log_enabled=False, backlog=1024)
    uvloop.run(server.serve())
