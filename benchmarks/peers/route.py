"""Litestar routes that run the same queries, and write one row: no key, wall, permission, encryption or audit.

What to run comes through the environment.
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import msgspec
import uvloop
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
    """SQL for the row of one id, `%(id)s`."""
    many: str
    """SQL for the first 50 rows."""
    new: str
    """SQL that writes one row: `%(id)s`, `%(tenant)s`, `%(meta)s` and `%(body)s`."""
    tenant: UUID
    meta: int
    """Bytes of metadata that one of our events has."""
    pool: int = 8


@asynccontextmanager
async def _pool(app: Litestar) -> AsyncIterator[None]:
    config = msgspec.json.decode(os.environ[CONFIG], type=Config)
    app.state.config = config
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


@get("/one/{id:uuid}")
async def one(state: State, id: FromPath[UUID]) -> dict[str, Any]:
    return (await _rows(state, state.config.one, {"id": id}))[0]


@get("/many")
async def many(state: State) -> list[dict[str, Any]]:
    return await _rows(state, state.config.many, {})


@post("/new")
async def new(state: State, data: JSONBody[Captured]) -> dict[str, Any]:
    id, body = uuid4(), msgspec.json.encode(data)
    params = {"id": id, "tenant": state.config.tenant, "meta": b"m" * state.config.meta, "body": body}
    async with state.pool.connection() as connection:
        await connection.execute(state.config.new, params, prepare=True)
    return {"id": id}


app = Litestar([one, many, new], lifespan=[_pool], openapi_config=None)


if __name__ == "__main__":
    # The very server that the product runs under, in one process and one event loop.
    server = Server(app, port=int(sys.argv[1]), interface=Interfaces.ASGI, log_enabled=False, backlog=1024)
    uvloop.run(server.serve())
