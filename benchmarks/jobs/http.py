"""HTTP: one prospect, a list of 50, and a command, each against a bare route with the same query or one insert."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import msgspec
import psycopg
from msgspec import Struct
from msgspec.structs import replace

from adapters.postgres.tables import table
from api import settings
from benchmarks import clear, load
from benchmarks.client import Load
from benchmarks.ground import Ground
from benchmarks.history import Past
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.peers import route
from benchmarks.peers.bare import free
from benchmarks.product import Product, opened
from benchmarks.serving import HOST, ask, serving
from benchmarks.writer import Order, append
from projections.prospects import prospects

PROSPECTS = 2_000
CONNECTIONS = 16
_READ = "ours: key, rate, permission, walls, traces; both open the same values"
_PLAIN = "theirs: the same rows in the clear, so that what encryption costs is in the ratio too"
CASES = {"one": "get one prospect", "list": "list 50 prospects", "new": "capture a prospect"}
FASTEST = 8_000
"""Requests a second that no server here will answer: so many bodies are made."""
_LIST = "/v1/prospects?limit=50"


def run(ground: Ground, session: Session) -> Iterator[Line]:
    with opened(ground) as product:
        tenant, authorization = organisation(product)
        Past(product.logs.of(tenant)).grow(PROSPECTS * 5, until=session.soon())
        with ThreadPoolExecutor(2) as threads:
            product.runner(tenant, threads).catch_up()
        product.settle()
        known = ids(product, tenant)
        ours, theirs, bare_port = environment(product), _same(product, tenant, ground.home / "bench-keys"), free()
        router_port, secret = free(), ground.home / "bench-router"
        secret.write_text(ours["EVERLOG_ROUTER_SECRET"])
        cell = f"here=http://{HOST}:{product.settings.port}"
        router = ["router", "--cell", cell, "--secret", str(secret), "--listen", f"{HOST}:{router_port}"]
        second = ours | {"EVERLOG_PORT": str(free())}
        bare = {route.CONFIG: msgspec.json.encode(theirs).decode()}
        with (
            serving(["api.main", "api"], product.settings.port, ours, _LIST, authorization) as product_port,
            serving(["api.main", "api"], int(second["EVERLOG_PORT"]), second, _LIST, authorization) as second_port,
            serving(["benchmarks.peers.route", str(bare_port)], bare_port, bare, "/many", {}),
            serving(["api.main", *router], router_port, {}, _LIST, authorization),
        ):
            seconds = session.scale.seconds / 2
            paths = Paths([f"/v1/prospects/{id}" for id in known], _LIST, "/v1/prospects")
            bare_paths = Paths([f"/one/{id}" for id in known], "/many", "/new")
            plain_paths = Paths([f"/plain{each}" for each in bare_paths.one], "/plain/many", "")
            rounds = session.play(
                {
                    OURS: lambda: {
                        **_asked(product_port, authorization, paths, seconds),
                        **_two(product_port, second_port, authorization, paths, seconds),
                        **_alone(product, tenant, seconds),
                    },
                    "bare-route": lambda: _asked(bare_port, {}, bare_paths, seconds),
                    "plain-route": lambda: _read(bare_port, {}, plain_paths, seconds),
                    "router": lambda: _read(router_port, authorization, paths, seconds),
                }
            )
    yield from session.compared(rounds, *_comparisons(len(known)))


def _comparisons(prospects: int) -> Iterator[Versus]:
    versus = Versus(
        against="bare-route",
        kind="limit",
        case="",
        measure="",
        unit="requests/s",
        aim=0.75,
        note=f"{CONNECTIONS} connections, {prospects:,} prospects; {_READ}",
    )
    writes = "ours: the same for a write, sealed, idempotent, its mail address kept unique; theirs: one row"
    for measure, unit, aim in (("rate", "requests/s", 0.75), ("p99", "ms", None)):
        for name, case in CASES.items():
            note = writes if name == "new" else versus.note
            one = replace(versus, case=f"{case}, {measure}", measure=f"{name} {measure}", unit=unit, aim=aim, note=note)
            yield one
            yield replace(
                one,
                case=f"{case}, two processes, {measure}",
                measure=f"two {one.measure}",
                theirs=one.measure,
                note=f"{note}; theirs: one process",
            )
    for name, case in (("one", "get one prospect"), ("list", "list 50 prospects")):
        yield replace(
            versus, against="plain-route", case=f"{case}, rate", measure=f"{name} rate", aim=None, note=_PLAIN
        )
    yield from _routed(versus)
    alone = replace(versus, against=OURS, note="the same facts given to the log in this process, without HTTP")
    case = "capture a prospect, against the append alone"
    yield replace(
        alone, case=f"{case}: one caller, p50", measure="single p50", theirs="append p50", unit="ms", aim=0.667
    )
    yield replace(
        alone, case=f"{case}: {CONNECTIONS} callers, rate", measure="new rate", theirs="append rate", aim=None
    )


def _routed(versus: Versus) -> Iterator[Versus]:
    note = "theirs: the same requests through `everlog router`, in a process of its own on the same cores"
    for name, case in (("one", "get one prospect"), ("list", "list 50 prospects")):
        told = f"{case}, asked directly, against through a router, rate"
        yield replace(versus, against="router", case=told, measure=f"{name} rate", aim=None, note=note)


class Paths(Struct, frozen=True):
    """What is asked for."""

    one: Sequence[str]
    many: str
    new: str


def _asked(port: int, headers: dict[str, str], paths: Paths, seconds: float, *also: int) -> Figures:
    """Rates and times of each kind of request, and of one client that captures alone."""
    figures = dict(_read(port, headers, paths, seconds, *also))
    for name, connections in (("new", CONNECTIONS), ("single", 1)):
        bodies = [_body() for _ in range(int(seconds * FASTEST))]
        met = ask(Load(HOST, port, headers, [paths.new], connections, seconds, bodies, [*also]))
        figures |= {f"{name} rate": met.rate, f"{name} p50": met.p50, f"{name} p99": met.p99}
    return figures


def _two(first: int, second: int, headers: dict[str, str], paths: Paths, seconds: float) -> Figures:
    """The same asked of two processes, half of the connections each."""
    return {f"two {name}": each for name, each in _asked(first, headers, paths, seconds, second).items()}


def _read(port: int, headers: dict[str, str], paths: Paths, seconds: float, *also: int) -> Figures:
    figures: dict[str, float] = {}
    for name, each in (("one", list(paths.one)), ("list", [paths.many])):
        met = ask(Load(HOST, port, headers, each, CONNECTIONS, seconds, also=[*also]))
        figures |= {f"{name} rate": met.rate, f"{name} p99": met.p99}
    return figures


def _alone(product: Product, tenant: UUID, seconds: float) -> Figures:
    many = append(product.logs, Order([tenant], CONNECTIONS, 1, seconds / 2))
    single = append(product.logs, Order([tenant], 1, 1, seconds / 2))
    return {"append rate": many["rate"], "append p50": single["p50"]}


def _body() -> str:
    known = load.captured()
    return msgspec.json.encode({"name": known.name, "email": known.email, "industry": known.industry}).decode()


def organisation(product: Product) -> tuple[UUID, dict[str, str]]:
    """A new tenant, and the header that lets its administrator in."""
    command = [sys.executable, "-m", "api.main", "tenants", "create", "Bench", "--json"]
    done = subprocess.run(
        command, env={**os.environ, **environment(product)}, capture_output=True, text=True, check=True
    )
    made = msgspec.json.decode(done.stdout, type=dict[str, str])
    return UUID(made["tenant"]), {"authorization": f"Bearer {made['key']}"}


def environment(product: Product) -> dict[str, str]:
    return settings.environment(replace(product.settings, router="what-routers-of-this-benchmark-show"))


def ids(product: Product, tenant: UUID) -> list[UUID]:
    sql = f"select id from everlog.{table(prospects).name} where tenant_id = %s order by id limit 500"
    with psycopg.connect(product.superuser) as connection:
        return [id for (id,) in connection.execute(sql.encode(), [tenant])]


def _same(product: Product, tenant: UUID, file: Path) -> route.Config:
    """What the product asks of the same table, in the same order, asked by a superuser, whom no policy slows."""
    with psycopg.connect(product.superuser, autocommit=True) as connection:
        connection.execute(
            b"create table if not exists public.bench (id uuid primary key, tenant uuid, meta bytea, body bytea)"
        )
    clear.keys(product, tenant, file)
    clear.rows(product, tenant)
    stored, columns = table(prospects), ", ".join(prospects.row.__struct_fields__)
    rows = f"select {columns} from {{}} where tenant_id = '{tenant}'"
    return route.Config(
        product.superuser,
        f"{rows} and id = %(id)s",
        f"{rows} order by captured_at desc, id desc limit 51",
        (stored.name, clear.TABLE),
        str(file),
        "insert into public.bench values (%(id)s, %(tenant)s, %(meta)s, %(body)s)",
        tenant,
        product.sizes(tenant)[0],
    )
