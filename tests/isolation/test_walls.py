"""Every table of the catalogue, every verb, every tenant, as the roles that the product logs in with."""

from contextlib import contextmanager
from uuid import UUID, uuid4

import psycopg
import pytest

from adapters.postgres.check import Unsafe, check
from adapters.postgres.lint import lint
from tests.attacks.book import LIE
from tests.isolation import probes
from tests.waiting import until

ROLES = ("app", "worker")


@pytest.fixture(scope="module")
def tables(migrated):
    """Rows of two tenants in every table, written by the superuser, whom no wall holds; taken out again."""
    tenants = (uuid4(), uuid4())
    with psycopg.connect(migrated.addresses.superuser) as connection:
        filled = probes.Tables(connection, tenants)
    yield filled
    with psycopg.connect(migrated.addresses.superuser) as connection:
        for table in filled.rows:
            connection.execute(f"delete from everlog.{table} where tenant_id = any(%s)", [list(tenants)])


@contextmanager
def broken(servers, *statements):
    """The superuser's connection with walls broken by these statements; whole again when the block ends."""
    with psycopg.connect(servers.addresses.superuser) as connection, connection.transaction(force_rollback=True):
        for statement in statements:
            connection.execute(statement)
        yield connection


def tried_as(connection, who, tables):
    connection.execute(f"set local role everlog_{who}")
    return probes.breaches(connection, who, tables)[0]


@pytest.mark.parametrize("who", ROLES)
def test_a_role_reaches_its_own_tenant_and_no_other(migrated, tables, who):
    with psycopg.connect(getattr(migrated.addresses, who)) as connection:
        wrong, tried = probes.breaches(connection, who, tables)
    assert wrong == []
    assert tried == len(tables.found) * len(probes.VERBS) * len(probes.STATES)
    assert {"events", "events_0", "heads", "subject_keys"} <= {name for name, _, _ in tables.found}


@pytest.mark.parametrize("who", ROLES)
def test_the_same_through_the_role_of_a_broken_walls_control(migrated, tables, who):
    with broken(migrated) as connection:
        assert tried_as(connection, who, tables) == []


OPEN = "(true) with check (true)"
BREACHES = {
    "policy dropped": ["drop policy tenant on everlog.stamps"],
    "policy opened": ["drop policy tenant on everlog.stamps", f"create policy tenant on everlog.stamps using {OPEN}"],
    "second policy": [f"create policy kind on everlog.snapshots using {OPEN}"],
    "wall switched off": ["alter table everlog.tracking disable row level security"],
    "wall of the log switched off": ["alter table everlog.events disable row level security"],
    "update granted": ["grant update on everlog.events to everlog_app"],
    "delete granted": ["grant delete on everlog.heads to everlog_app"],
    "truncate granted": ["grant truncate on everlog.snapshots to everlog_app"],
    "partitions granted": [f"grant select on everlog.events_{part} to everlog_app" for part in range(8)],
    "everyone granted": ["grant delete on everlog.reservations to public"],
    "right taken away": ["revoke insert on everlog.events from everlog_app"],
    "app bypasses": ["alter role everlog_app bypassrls"],
    "app is superuser": ["alter role everlog_app superuser"],
    "granted by way of a group": [
        "create role readers",
        "grant truncate on everlog.snapshots to readers",
        "grant readers to everlog_app",
    ],
    "app owns a table": ["alter table everlog.tracking owner to everlog_app"],
}
UNTOLD = {"right taken away"}
"""Not a hole, so not the lint's to find."""


@pytest.mark.parametrize("breach", BREACHES)
def test_the_suite_sees_a_broken_wall(migrated, tables, breach):
    with broken(migrated, *BREACHES[breach]) as connection:
        assert tried_as(connection, "app", tables)


@pytest.mark.parametrize("breach", sorted(BREACHES.keys() - UNTOLD))
def test_the_lint_sees_a_broken_wall(migrated, breach):
    with broken(migrated, *BREACHES[breach]) as connection:
        assert lint(connection)


GUARDED = "execute function everlog.guard_head()"
HOLES = {
    "everlog.heads: not forced": ["alter table everlog.heads no force row level security"],
    "not on a partition": ["alter table everlog.events_5 no force row level security"],
    "policy on a partition": ["drop policy tenant on everlog.events_6"],
    "view of the owner": ["create view everlog.all_events as select * from everlog.events"],
    "materialised view": ["create materialized view everlog.counts as select count(*) from everlog.events"],
    "no tenant": ["create table everlog.notes (id uuid primary key)"],
    "tenant of another type": ["create table everlog.notes (tenant_id text primary key)"],
    "new table without walls": ["create table everlog.notes (tenant_id uuid primary key)"],
    "key without tenant": ["create unique index on everlog.snapshots (stream, tenant_id)"],
    "foreign key without tenant": [
        "create unique index heads_twice on everlog.heads (tenant_id, position)",
        "create table everlog.notes (tenant_id uuid, head uuid references everlog.heads (tenant_id))",
    ],
    "sequence": ["create sequence everlog.numbers"],
    "definer": ["alter function everlog.append security definer"],
    "definer elsewhere": ["create function public.peek() returns int language sql security definer as 'select 1'"],
    "function for everyone": ["grant execute on function everlog.append to public"],
    "column": ["grant update (generation) on everlog.heads to everlog_app"],
    "everyone in the schema": ["grant usage on schema everlog to public"],
    "a third role": ["create role stranger", "grant usage on schema everlog to stranger"],
    "a stranger's right": ["create role stranger", "grant select on everlog.events to stranger"],
    "making tables": ["grant create on schema everlog to everlog_app"],
    "temporary tables": ["grant temporary on database everlog to public"],
    "reads everything": ["grant pg_read_all_data to everlog_worker"],
    "creates roles": ["alter role everlog_worker createrole"],
    "app sees all heads": ["create policy lookout2 on everlog.heads for select to everlog_app using (true)"],
    "view elsewhere": ["create view public.peek as select * from everlog.events"],
    "materialised view elsewhere": ["create materialized view public.peek as select * from everlog.events"],
    "partition elsewhere": [
        "create table public.events_9 (like everlog.events including constraints)",
        "alter table everlog.events detach partition everlog.events_7",
        "alter table everlog.events attach partition public.events_9 for values with (modulus 8, remainder 7)",
    ],
    "copy elsewhere": [
        "create table public.copied as select * from everlog.events",
        "grant select on public.copied to everlog_worker",
    ],
    "copy for everyone": ["create table public.copied as select 1", "grant select on public.copied to public"],
    "default tenant": [f"alter role everlog_app set app.tenant = '{UUID(int=1)}'"],
    "default tenant of the database": [f"alter database everlog set app.tenant = '{UUID(int=1)}'"],
    "triggers asleep by default": ["alter role everlog_app set session_replication_role = replica"],
    "guard asleep": ["alter table everlog.heads disable trigger guard"],
    "guard gone": ["drop trigger guard on everlog.subject_keys"],
    "guard of another kind": [
        "drop trigger guard on everlog.heads",
        "create trigger guard before update on everlog.heads for each row execute function everlog.guard_subject()",
    ],
    "guard of some rows": [
        "drop trigger guard on everlog.heads",
        f"create trigger guard before update on everlog.heads for each row when (false) {GUARDED}",
    ],
    "guard emptied": [
        "create or replace function everlog.guard_head() returns trigger language plpgsql as 'begin return new; end'"
    ],
    "reader that lies": [LIE],
    "reader with a setting": ["alter function everlog.read_stream set search_path = lies, pg_catalog"],
    "function beside another": [
        "create function everlog.read_log(tenant uuid, after integer) returns integer language sql as 'select 1'"
    ],
    "function gone": ["drop function everlog.read_log"],
    "trigger of another": [
        "create trigger also before insert on everlog.events for each row execute function everlog.guard_subject()"
    ],
    "rule": ["create rule nothing as on insert to everlog.stamps do instead nothing"],
    "view of the reader": ["create view everlog.all_events with (security_invoker) as select * from everlog.events"],
    "before the catalogue": ["alter role everlog_app set search_path = lies, pg_catalog"],
    "worker sees all events": ["create policy lookout on everlog.events for select to everlog_worker using (true)"],
}


@pytest.mark.parametrize("hole", HOLES)
def test_the_lint_sees_a_hole(migrated, hole):
    with broken(migrated, *HOLES[hole]) as connection:
        assert lint(connection)


@pytest.mark.parametrize("who", ROLES)
def test_the_catalogue_is_clean(migrated, who):
    with psycopg.connect(getattr(migrated.addresses, who)) as connection:
        assert lint(connection) == []
        check(connection)


def test_force_is_what_holds_the_owner(migrated, tables):
    own, other = tables.tenants
    for statements, sees in ((), False), (["alter table everlog.stamps no force row level security"], True):
        with broken(migrated, *statements) as connection:
            connection.execute("set local role everlog_owner")
            connection.execute("select set_config('app.tenant', %s, true)", [str(own)])
            assert probes.reaches(connection, "stamps", "select", other, {}) is sees


@pytest.mark.parametrize("who", ["owner", "superuser"])
def test_start_up_refuses_roles_that_no_wall_holds(migrated, who):
    with psycopg.connect(getattr(migrated.addresses, who)) as connection, pytest.raises(Unsafe):
        check(connection)


def test_start_up_refuses_a_role_that_bypasses(migrated):
    with (
        broken(migrated, "alter role everlog_app bypassrls", "set local role everlog_app") as connection,
        pytest.raises(Unsafe, match="bypasses"),
    ):
        check(connection)


def test_start_up_refuses_commits_that_are_not_on_disk(migrated):
    with psycopg.connect(migrated.addresses.app) as connection:
        connection.execute("set synchronous_commit = off")
        with pytest.raises(Unsafe, match="synchronous_commit is off"):
            check(connection)


@pytest.fixture(params=["fsync", "full_page_writes"])
def careless(request, migrated):
    """A setting of the whole server, switched off for a moment: no session can have it its own way."""
    with psycopg.connect(migrated.addresses.superuser, autocommit=True) as connection:

        def switched(order, value):
            connection.execute(order)
            connection.execute("select pg_reload_conf()")
            return until(lambda: connection.execute(f"show {request.param}").fetchone() == (value,))

        assert switched(f"alter system set {request.param} = off", "off")
        yield request.param
        assert switched(f"alter system reset {request.param}", "on")


def test_start_up_refuses_a_careless_server(migrated, careless):
    with psycopg.connect(migrated.addresses.app) as connection, pytest.raises(Unsafe, match=f"{careless} is off"):
        check(connection)


def test_start_up_refuses_another_schema(migrated):
    with broken(migrated, "update everlog.migrations set version_num = '0000'") as connection:
        connection.execute("set local role everlog_app")
        with pytest.raises(Unsafe, match="everlog migrate"):
            check(connection)


def test_start_up_refuses_an_old_server(migrated, monkeypatch):
    monkeypatch.setattr("adapters.postgres.check.OLDEST", {19: 0})
    with psycopg.connect(migrated.addresses.app) as connection, pytest.raises(Unsafe, match="too old"):
        check(connection)
