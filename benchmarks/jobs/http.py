"""Reads over HTTP: one prospect, and a list of 50, each against a bare route with the same query."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import msgspec
import psycopg

from adapters.postgres.tables import table
from api import settings
from benchmarks.client import Load
from benchmarks.ground import Ground
from benchmarks.history import Past
from benchmarks.kernel import OURS, Figures, Line, Session, Versus
from benchmarks.peers import route
from benchmarks.peers.bare import free
from benchmarks.product import Product, opened
from benchmarks.serving import HOST, ask, serving
from projections.prospects import prospects

PROSPECTS = 2_000
CONNECTIONS = 16
_LIST = "/v1/prospects?limit=50"


def run(ground: Ground, session: Session) -> Iterator[Line]:
    with opened(ground) as product:
        tenant, authorization = _organisation(product)
        Past(product.logs.of(tenant)).grow(PROSPECTS * 5, until=session.soon())
        with ThreadPoolExecutor(2) as threads:
            product.runner(tenant, threads).catch_up()
        product.settle()
        ids = _ids(product, tenant)
        ours, theirs, bare_port = _environment(product), _same(product, tenant), free()
        bare = {route.CONFIG: msgspec.json.encode(theirs).decode()}
        with (
            serving(["api.main", "api"], product.settings.port, ours, _LIST, authorization) as product_port,
            serving(["benchmarks.peers.route", str(bare_port)], bare_port, bare, "/many", {}),
        ):
            seconds = session.scale.seconds / 2
            paths = [f"/v1/prospects/{id}" for id in ids], [_LIST]
            bare_paths = [f"/one/{id}" for id in ids], ["/many"]
            rounds = session.play(
                {
                    OURS: lambda: _asked(product_port, authorization, paths, seconds),
                    "bare-route": lambda: _asked(bare_port, {}, bare_paths, seconds),
                }
            )
    note = (
        f"{CONNECTIONS} connections, {len(ids):,} prospects; ours: key, rate, permission, walls, traces, values opened"
    )
    for measure, unit, aim in (("rate", "requests/s", 0.7), ("p99", "ms", None)):
        for name, case in (("one", "get one prospect"), ("list", "list 50 prospects")):
            yield Versus(
                against="bare-route",
                kind="limit",
                case=f"{case}, {'p99' if measure == 'p99' else 'rate'}",
                measure=f"{name} {measure}",
                unit=unit,
                aim=aim,
                note=note,
            ).line("http", rounds)


def _asked(port: int, headers: dict[str, str], paths: tuple[Sequence[str], Sequence[str]], seconds: float) -> Figures:
    figures: dict[str, float] = {}
    for name, each in zip(("one", "list"), paths, strict=True):
        met = ask(Load(HOST, port, headers, list(each), CONNECTIONS, seconds))
        figures |= {f"{name} rate": met.rate, f"{name} p99": met.p99}
    return figures


def _organisation(product: Product) -> tuple[UUID, dict[str, str]]:
    """A new tenant, and the header that lets its administrator in."""
    command = [sys.executable, "-m", "api.main", "tenants", "create", "Bench", "--json"]
    done = subprocess.run(
        command, env={**os.environ, **_environment(product)}, capture_output=True, text=True, check=True
    )
    made = msgspec.json.decode(done.stdout, type=dict[str, str])
    return UUID(made["tenant"]), {"authorization": f"Bearer {made['key']}"}


def _environment(product: Product) -> dict[str, str]:
    return settings.environment(product.settings)


def _ids(product: Product, tenant: UUID) -> list[UUID]:
    sql = f"select id from everlog.{table(prospects).name} where tenant_id = %s order by id limit 500"
    with psycopg.connect(product.superuser) as connection:
        return [id for (id,) in connection.execute(sql.encode(), [tenant])]


def _same(product: Product, tenant: UUID) -> route.Config:
    """What the product asks of the same table, in the same order, asked by a superuser, whom no policy slows."""
    name, columns = table(prospects).name, ", ".join(prospects.row.__struct_fields__)
    rows = f"select {columns} from everlog.{name} where tenant_id = '{tenant}'"
    return route.Config(
        product.superuser,
        f"{rows} and id = %(id)s",
        f"{rows} order by captured_at desc, id desc limit 51",
    )
