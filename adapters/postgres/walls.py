"""Row-level security and rights, as SQL: run by `migrate` over every table with a tenant that the catalogue holds."""

from collections.abc import Iterator

from psycopg import sql

from adapters.postgres.roles import Connection, Roles
from tenants.isolation import COLUMN, POLICY, RULE, SCHEMA, SETTING, WITHOUT_TENANT, Right, rights

LOOKOUT = "lookout"
"""The policy by which the worker sees every tenant's head, and nothing else of it."""

RIGHTS_IN_ORDER: tuple[Right, ...] = ("select", "insert", "update", "delete")


def wall(table: str, roles: Roles | None = None) -> list[str]:
    """The statements that put a table of the schema behind the wall; with roles given, their rights too."""
    name = f"{SCHEMA}.{_quoted(table)}"
    return [
        f"alter table {name} enable row level security",
        f"alter table {name} force row level security",
        f"drop policy if exists {POLICY} on {name}",
        f"create policy {POLICY} on {name} using {RULE} with check {RULE}",
        *(_grants(table, roles) if roles else ()),
    ]


def _grants(table: str, roles: Roles) -> Iterator[str]:
    allowed, name = rights(table), f"{SCHEMA}.{_quoted(table)}"
    yield f"revoke all on {name} from public"
    for role, granted in ((roles.app, allowed.app), (roles.worker, allowed.worker)):
        columns = ", ".join(allowed.columns)
        verbs = [
            f"update ({columns})" if verb == "update" and columns else verb
            for verb in RIGHTS_IN_ORDER
            if verb in granted
        ]
        yield f"revoke all on {name} from {_quoted(role)}"
        yield f"grant {', '.join(verbs)} on {name} to {_quoted(role)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def enclose(connection: Connection, roles: Roles) -> None:
    """Put every table of the schema behind the wall, and give the roles what they may do and nothing else.

    A partition has the policies but no rights: it is reached through its parent alone. A table that stands behind its
    wall already is not locked for it.
    """
    for table, partition, walled in _tables(connection):
        statements = [] if walled else wall(table)
        if not partition:
            statements += _grants(table, roles)
        for statement in statements:
            connection.execute(statement.encode())
    _look_out(connection, roles)
    _admit(connection, roles)


def _look_out(connection: Connection, roles: Roles) -> None:
    """The worker sees every tenant's head. The policy is made anew only where it is for another role."""
    found = connection.execute(
        "select array(select pg_get_userbyid(r)::text from unnest(polroles) r) = array[%s], polcmd = 'r'"
        " from pg_policy where polrelid = 'everlog.heads'::regclass and polname = %s",
        [roles.worker, LOOKOUT],
    ).fetchone()
    if found == (True, True):
        return
    name = sql.Identifier(roles.worker)
    connection.execute("drop policy if exists lookout on everlog.heads")
    connection.execute(sql.SQL("create policy lookout on everlog.heads for select to {} using (true)").format(name))


def _admit(connection: Connection, roles: Roles) -> None:
    """Schema, functions, and the tables without a tenant."""
    both = sql.SQL(", ").join([sql.Identifier(roles.app), sql.Identifier(roles.worker)])
    connection.execute("revoke all on all functions in schema everlog from public")
    connection.execute("revoke all on schema everlog from public")
    connection.execute(sql.SQL("grant usage on schema everlog to {}").format(both))
    connection.execute(sql.SQL("grant execute on all functions in schema everlog to {}").format(both))
    for table in WITHOUT_TENANT:
        found = sql.Identifier(SCHEMA, table)
        connection.execute(sql.SQL("revoke all on {} from public, {}").format(found, both))
        connection.execute(sql.SQL("grant select on {} to {}").format(found, both))


def _tables(connection: Connection) -> list[tuple[str, bool, bool]]:
    """Every table with a tenant: whether it is a partition, and whether its wall stands."""
    query = """
        select c.relname::text, c.relispartition, c.relrowsecurity and c.relforcerowsecurity and exists (
            select from pg_policy p where p.polrelid = c.oid and p.polname = %s and p.polcmd = '*' and p.polpermissive
                and p.polroles = '{0}' and pg_get_expr(p.polqual, c.oid) = %s
                and pg_get_expr(p.polwithcheck, c.oid) = %s)
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = %s and not a.attisdropped
        where c.relnamespace = %s::regnamespace and c.relkind in ('r', 'p') order by c.relname"""
    return connection.execute(query, [POLICY, RULE, RULE, COLUMN, SCHEMA]).fetchall()


def enter(connection: Connection, tenant: object) -> None:
    """Set the tenant until the end of the transaction that is under way."""
    connection.execute("select set_config(%s, %s, true)", [SETTING, str(tenant)])
