"""A wrong, a missing and an extra row planted by hand: found by the digest, repaired for that tenant alone."""

import time
from uuid import UUID

import psycopg
from msgspec import Struct
from msgspec.structs import replace

from adapters.postgres.tables import sums, table
from api.bootstrap import MODELS
from domain.kernel import NOBODY, Fact, Recorded
from projections.kernel import View
from projections.runner import Runner
from tests.faults.control import unseen
from tests.faults.evidence import counted
from tests.faults.stage import CYCLE, Stage, staged
from tests.faults.trial import Found, Trial

VIEW = "audit"
"""It has a row for each event."""
BESIDE = 2_000
"""Events of the other tenant, whom none of this may touch."""
PLANTED = {
    "wrong": "update everlog.{table} set permission = permission || '.wrong' where tenant_id = %s and position = %s",
    "missing": "delete from everlog.{table} where tenant_id = %s and position = %s",
    "extra": "insert into everlog.{table} select (jsonb_populate_record(null::everlog.{table}, to_jsonb(t)"
    " || jsonb_build_object('position', -position))).* from everlog.{table} t where tenant_id = %s and position = %s",
}

DIGEST = """
    select count(*), md5(string_agg(md5(t::text), '' order by md5(t::text)))
    from everlog.{} t where tenant_id = %s"""


class Standing(Struct, frozen=True):
    """All that the views of a tenant are, but for one view where that is left out."""

    rows: dict[str, tuple[int, str]]
    """By table: how many, and a digest of them."""
    checkpoints: list[tuple[object, ...]]
    pointers: list[tuple[object, ...]]


def run(trial: Trial) -> Found:
    found = Found()
    with staged(trial.home) as stage:
        (tenant, ledger), (other, account) = stage.grown(trial.cycles * CYCLE), stage.grown(BESIDE)
        runner, beside = stage.runner(tenant), stage.runner(other)
        found.notes["rows of the view"] = rows = runner.catch_up()
        beside.catch_up()
        before, own = standing(stage, other), standing(stage, tenant, VIEW)
        for kind in PLANTED:
            position = trial.dice(kind).randrange(1, rows)
            found.violations += [f"{kind}: {each}" for each in repaired(stage, runner, tenant, kind, position, found)]
        found.violations += judge(stage, runner, other, beside, before)
        if standing(stage, tenant, VIEW) != own:
            found.violations.append("the tenant's other views were touched")
        found.control_red = control(stage, runner, other, beside, before)
        for who, asked in ((tenant, ledger), (other, account)):
            log = bare(stage, who)
            found.add(counted(asked, log, learned=False))
            found.control_red &= not unseen(asked, log, learned=False)
    return found


def bare(stage: Stage, tenant: UUID) -> list[Recorded]:
    """A log as its account is held against it, without what the facts say: it may be a million of them."""
    return [replace(each, told=replace(NOBODY, event=each.meta.event), fact=Fact()) for each in stage.log(tenant)]


def repaired(stage: Stage, runner: Runner, tenant: UUID, kind: str, position: int, found: Found) -> list[str]:
    """Plant, look, repair, look again; what was wrong with that."""
    wrong = [f"before: {each}" for each in runner.check()]
    plant(stage, tenant, kind, position)
    began = time.monotonic()
    if (told := runner.check()) != [VIEW]:
        wrong.append(f"position {position} was not found: {told}")
    looked = time.monotonic()
    runner.rebuild(VIEW)
    runner.catch_up()
    found.notes[f"{kind}, s to find"] = round(looked - began, 1)
    found.notes[f"{kind}, s to repair"] = round(time.monotonic() - looked, 1)
    keys = [each.key for each in runner.found(VIEW)]
    if keys != [-position if kind == "extra" else position]:
        wrong.append(f"the repair names {keys} and not {position}")
    return wrong + [f"after the repair: {each}" for each in runner.check()]


def plant(stage: Stage, tenant: UUID, kind: str, position: int) -> None:
    """By the database's superuser, in the copy that is read."""
    with psycopg.connect(stage.product.superuser, autocommit=True) as connection:
        live = "select slot from everlog.pointers where tenant_id = %s and view = %s"
        [(slot,)] = connection.execute(live, [tenant, VIEW])
        view = next(each for each in MODELS if isinstance(each, View) and each.name == VIEW)
        sql = PLANTED[kind].format(table=table(view, slot).table.name)
        if connection.execute(sql.encode(), [tenant, position]).rowcount != 1:
            raise AssertionError(f"{kind}: nothing was planted")


def judge(stage: Stage, runner: Runner, other: UUID, beside: Runner, before: Standing) -> list[str]:
    """Whether every digest is right, and nothing of the other tenant has moved."""
    wrong = [f"the rows of {view} have another digest" for each in (runner, beside) for view in each.check()]
    if standing(stage, other) != before:
        wrong.append("the other tenant was touched")
    return wrong


def standing(stage: Stage, tenant: UUID, leave: str = "") -> Standing:
    with psycopg.connect(stage.product.superuser) as connection:
        rows = {}
        for each in MODELS:
            for slot in ("a", "b"):
                name = (table(each, slot).table if isinstance(each, View) else sums(each, slot)).name
                if (each if isinstance(each, View) else each.of).name != leave:
                    [rows[name]] = connection.execute(DIGEST.format(name).encode(), [tenant])
        of_tenant = "select * from everlog.{} where tenant_id = %s and view <> %s order by view, version"
        checkpoints, pointers = (
            connection.execute(of_tenant.format(name).encode(), [tenant, leave]).fetchall()
            for name in ("checkpoints", "pointers")
        )
    return Standing(rows, checkpoints, pointers)


def control(stage: Stage, runner: Runner, other: UUID, beside: Runner, before: Standing) -> bool:
    """The same judgement, with a row of each kind planted at the other tenant and left there."""
    red = []
    for kind in PLANTED:
        plant(stage, other, kind, 7)
        red.append(len(judge(stage, runner, other, beside, before)) > 1)
        beside.rebuild(VIEW)
        beside.catch_up()
        red.append(beside.check() == [])
    return all(red)
