"""Migrations against a database of their own, made and dropped by the superuser."""

from urllib.parse import quote, unquote, urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest

from adapters.postgres.check import check
from adapters.postgres.committer import Committer
from adapters.postgres.database import Database, found
from adapters.postgres.lint import lint
from adapters.postgres.migrate import FOLDER, config, migrate
from adapters.postgres.roles import worker_of
from tests.adapters.postgres.atoms import atom, stream

ODD = 'odd "role" %name'


def at(url, *, role=None, password=None, database=None):
    parts = urlsplit(url)
    user = f"{quote(role, safe='')}:{quote(password, safe='')}" if role else parts.netloc.rpartition("@")[0]
    where = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}@{where}", path=f"/{database}" if database else parts.path))


@pytest.fixture
def fresh(servers):
    """An owner without rights beyond those that are asked for, in an empty database; gone afterwards, roles and all."""
    superuser, name = servers.addresses.superuser, f"fresh_{uuid4().hex[:8]}"
    owner, app = f"{name}_owner", f"{name} {ODD}"
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(f"create role {owner} login createrole password 'secret'")
        connection.execute(f"create database {name}")
        connection.execute(f"grant create on database {name} to {owner}")
    yield (
        at(superuser, role=owner, password="secret", database=name),
        at(superuser, role=app, password="p@ss/w:rd", database=name),
        at(superuser, database=name),
    )
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")
        for (role,) in connection.execute(
            "select rolname from pg_roles where starts_with(rolname, %s)", [name]
        ).fetchall():
            quoted = '"' + role.replace('"', '""') + '"'
            connection.execute(f"drop role {quoted}")


def works(app):
    tenant = uuid4()
    with Database(app) as database, Committer(app) as committer:
        found(database, tenant)
        assert committer.submit(tenant, atom(stream(), 1)).result(30).last == 1
        assert database.heads() == []


def test_an_owner_who_may_create_and_nothing_else_is_enough(fresh):
    owner, app, superuser = fresh
    with psycopg.connect(superuser, autocommit=True) as connection:
        # What everyone may do in a new database is the operator's to take where the owner does not own it.
        connection.execute(f"revoke temporary on database {connection.info.dbname} from public")
    migrate(owner, app)
    works(app)
    with Database(worker_of(app)) as database:
        assert [position for _, _, position in database.heads()] == [1]
    with psycopg.connect(app) as connection:
        check(connection)


def test_again_changes_nothing(fresh):
    owner, app, superuser = fresh
    states = []
    for _ in range(2):
        migrate(owner, app)
        with psycopg.connect(superuser) as connection:
            states.append(
                connection.execute("""
                    select c.oid, c.relname, c.relacl::text, c.relrowsecurity, c.relforcerowsecurity
                    from pg_class c where c.relnamespace = 'everlog'::regnamespace order by 1""").fetchall()
            )
    assert states[0] == states[1] != []


def test_roles_that_stand_already_are_used_by_an_owner_who_may_not_make_any(fresh):
    owner, app, superuser = fresh
    roles = [unquote(urlsplit(url).username or "") for url in (app, worker_of(app))]
    with psycopg.connect(superuser, autocommit=True) as connection:
        for role in roles:
            name = '"' + role.replace('"', '""') + '"'
            connection.execute(f"create role {name} login password 'p@ss/w:rd'")
        connection.execute(f"alter role {urlsplit(owner).username} nocreaterole")
    migrate(owner, app)
    works(app)


def test_a_new_password_is_taken_over(fresh):
    owner, app, _ = fresh
    migrate(owner, app)
    renewed = app.replace("rd@", "rd2@")
    migrate(owner, renewed)
    works(renewed)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(app)


def test_walls_that_were_broken_stand_again(fresh):
    owner, app, superuser = fresh
    migrate(owner, app)
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(f"revoke temporary on database {connection.info.dbname} from public")
        connection.execute("alter table everlog.events_2 no force row level security")
        connection.execute("drop policy tenant on everlog.heads")
        connection.execute("grant all on everlog.events to public")
    with psycopg.connect(app) as connection:
        assert len(lint(connection)) > 2
    migrate(owner, app)
    with psycopg.connect(app) as connection:
        assert lint(connection) == []


def a_table(connection, _):
    connection.execute("create table everlog.v (tenant_id uuid not null)")


def test_a_table_of_the_views_is_walled_without_being_asked(fresh):
    owner, app, superuser = fresh
    migrate(owner, app, views=a_table)
    with psycopg.connect(app) as connection, psycopg.connect(superuser) as other:
        assert not [finding for finding in lint(connection) if finding.thing == "v"]
        other.execute("insert into everlog.v values (%s)", [uuid4()])
        other.commit()
        assert connection.execute("select from everlog.v").rowcount == 0


def test_migrations_are_named_by_numbers_that_follow_one_another():
    from alembic.script import ScriptDirectory

    names = sorted(path.stem.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py"))
    assert names == [f"{number:04}" for number in range(1, len(names) + 1)]
    assert ScriptDirectory.from_config(config()).get_heads() == names[-1:]


def test_functions_of_another_release_are_replaced_under_a_running_committer(fresh):
    owner, app, _ = fresh
    migrate(owner, app)
    tenant = uuid4()
    with Database(app) as database, Committer(app) as committer:
        found(database, tenant)
        committer.submit(tenant, atom(stream(), 1)).result(30)
        with psycopg.connect(owner, autocommit=True) as connection:
            query = "select 'everlog.append'::regproc::oid::regprocedure::text"
            ((name,),) = connection.execute(query).fetchall()
            connection.execute(f"drop function {name}")
            arguments = name.partition("(")[2]
            connection.execute(f"create function everlog.append({arguments} returns int language sql as 'select 1'")
        migrate(owner, app)
        assert committer.submit(tenant, atom(stream(), 1)).result(30).last == 2


def test_walls_that_stand_are_not_touched(fresh):
    """A migration of a running system waits for nobody who reads."""
    owner, app, _ = fresh
    migrate(owner, app)
    with psycopg.connect(app) as reader:
        reader.execute("select from everlog.events, everlog.heads")
        migrate(owner, app)
