"""The read models of the peers: the columns of ours, without tenants, walls or digests."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

_PROSPECTS = """create table prospects (
    id uuid primary key, name bytea, email bytea, industry text, attributes bytea, captured_at timestamptz,
    changed_at timestamptz, version bigint, signals int, notes int, stage text, value bigint, currency text)"""
_FUNNEL = """create table funnel (
    day date, stage text, industry text, change bigint, primary key (day, stage, industry))"""
_AUDIT = """create table audit (
    position bigint primary key, at timestamptz, actor_kind text, actor uuid, type text, capability text, resource uuid,
    version bigint, permission text, rule text, event uuid, correlation uuid, trace text, circumstances bytea)"""
_BOOK = """create table book (
    id uuid primary key, prospect uuid, model text, number bigint, at timestamptz, position bigint, learned bigint,
    champion text, probability float8, likely text, candidates text, digest text, reasons bytea, outcome text)"""
_SCORES = """create table scores (
    day date, model text, bin int, outcome text, size int, covered bool, change bigint,
    primary key (day, model, bin, outcome, size, covered))"""
_INDEXES = """
    create index on prospects (stage, captured_at); create index on prospects (industry, captured_at);
    create index on prospects (captured_at); create index on prospects (changed_at);
    create index on prospects (signals);
    create index on audit (actor, at); create index on audit (type, at); create index on audit (resource, at);
    create index on audit (at);
    create index on book (prospect); create index on book (model, number); create index on book (at);
    create index on book (probability)"""
_CHECKPOINT = "create table checkpoint (position bigint)"


def make(url: str, schema: str) -> None:
    """Empty tables in a schema of this name, whatever was there before."""
    with psycopg.connect(url) as connection:
        connection.execute(f"drop schema if exists {schema} cascade; create schema {schema}".encode())
        connection.execute(f"set search_path = {schema}".encode())
        for statement in (_PROSPECTS, _FUNNEL, _AUDIT, _BOOK, _SCORES, _CHECKPOINT, _INDEXES):
            connection.execute(statement.encode())
        connection.execute(b"insert into checkpoint values (0)")


def size(url: str, schema: str, table: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(f"select count(*) from {schema}.{table}".encode()).fetchone()
    assert row
    return int(row[0])


@contextmanager
def watched(url: str, schema: str) -> Iterator[list[tuple[int, float]]]:
    """How far the trail is: each last position that was met, and when it was first, in seconds since 1970.

    Looked for every millisecond, as for ours.
    """
    met, stop = list[tuple[int, float]](), threading.Event()

    def look() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.wait(0.001):
                sql = f"select coalesce(max(position), 0) from {schema}.audit".encode()
                [(position,)] = connection.execute(sql, prepare=True).fetchall()
                if position and (not met or position > met[-1][0]):
                    met.append((position, time.time()))

    thread = threading.Thread(target=look, name="watch")
    thread.start()
    try:
        yield met
    finally:
        stop.set()
        thread.join()
