"""The catalogue against the rules of the walls: every table, key, view, function, role and grant it holds."""

from collections.abc import Callable, Iterator
from typing import LiteralString

from msgspec import Struct

from adapters.postgres import definitions
from adapters.postgres.roles import Connection, Roles
from adapters.postgres.walls import LOOKOUT
from tenants.isolation import COLUMN, DECISIVE, POLICY, RULE, WITHOUT_TENANT, Finding, rights


class Known(Struct, frozen=True):
    """Who is who, as the catalogue tells it: nobody else may so much as name the schema's tables."""

    owner: str
    roles: Roles


Rule = Callable[[Connection, Known], Iterator[Finding]]


def lint(connection: Connection) -> list[Finding]:
    """Every broken rule, sorted; none where the walls stand. Any role of the product may ask."""
    owner, named, workers = _people(connection)
    apps = [role for role in named if role not in workers]
    if len(workers) != 1 or len(apps) != 1:
        strangers = ", ".join(named) or "nobody"
        return [Finding("schema everlog", f"open to {strangers}: one app role and one worker role belong here")]
    known = Known(owner, Roles(apps[0], workers[0]))
    rules: tuple[Rule, ...]
    people: tuple[Rule, ...]
    rules = (_tables, _policies, _keys, _foreign, _functions, _resting)
    people = (_attributes, _settings, _members, _owned, _grants, _given, _doors)
    found = [finding for rule in (*rules, *people) for finding in rule(connection, known)]
    texts = (definitions.functions, definitions.triggers, definitions.rules)
    return sorted([*found, *(finding for each in texts for finding in each(connection))])


def _people(connection: Connection) -> tuple[str, list[str], list[str]]:
    """The schema's owner, the other roles that may use it, and those of them that see every head."""
    owner, named = connection.execute(
        """
        select pg_get_userbyid(n.nspowner)::text, array(
            select distinct pg_get_userbyid(a.grantee)::text from aclexplode(n.nspacl) a
            where a.grantee not in (0, n.nspowner) order by 1)
        from pg_namespace n where n.nspname = 'everlog'"""
    ).fetchall()[0]
    workers = connection.execute(
        "select distinct pg_get_userbyid(r)::text from pg_policy p, unnest(p.polroles) r where p.polname = %s",
        [LOOKOUT],
    ).fetchall()
    return owner, named, [name for (name,) in workers]


def _tables(connection: Connection, _: Known) -> Iterator[Finding]:
    query = """
        select c.relname::text, c.relkind::text, c.relrowsecurity, c.relforcerowsecurity,
            format_type(a.atttypid, a.atttypmod), a.attnotnull
        from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attname = %s and not a.attisdropped
        where c.relnamespace = 'everlog'::regnamespace and c.relkind in ('r', 'p', 'f', 'm', 'S')"""
    for name, kind, enabled, forced, type_, filled in connection.execute(query, [COLUMN]):
        if kind == "m":
            yield Finding(name, "a materialised view: row-level security does not reach into it")
        elif kind == "f":
            yield Finding(name, "a foreign table: its rows lie behind no wall of ours")
        elif kind == "S":
            yield Finding(name, "a sequence: it tells every tenant how much the others write")
        elif name in WITHOUT_TENANT:
            continue
        elif type_ is None:
            yield Finding(name, "has no tenant, and is not on the list of tables that need none")
        elif type_ != "uuid" or not filled:
            yield Finding(name, "its tenant is not a uuid that every row has")
        else:
            if not enabled:
                yield Finding(name, "row-level security is not enabled")
            if not forced:
                yield Finding(name, "row-level security is not forced")


def _policies(connection: Connection, known: Known) -> Iterator[Finding]:
    query = """
        select c.relname::text, p.polname::text, p.polcmd::text, p.polpermissive,
            array(select case r when 0 then 'public' else pg_get_userbyid(r)::text end from unnest(p.polroles) r),
            pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
        from pg_class c join pg_policy p on p.polrelid = c.oid
        where c.relnamespace = 'everlog'::regnamespace"""
    right = (POLICY, "*", True, ["public"], RULE, RULE)
    lookout = (LOOKOUT, "r", True, [known.roles.worker], "true", None)
    walled = set()
    for table, *policy in connection.execute(query):
        if tuple(policy) == right:
            walled.add(table)
        elif not (table == "heads" and tuple(policy) == lookout):
            yield Finding(table, f"policy {policy[0]} is not the rule: {policy[4]}; {policy[5]}")
    for (table,) in connection.execute(
        "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = %s"
        " where c.relnamespace = 'everlog'::regnamespace and c.relkind in ('r', 'p')",
        [COLUMN],
    ):
        if table not in walled:
            yield Finding(table, "the policy that keeps tenants apart is missing")


def _keys(connection: Connection, _: Known) -> Iterator[Finding]:
    """A unique key that does not start with the tenant tells by its errors what other tenants hold."""
    query = """
        select c.relname::text, i.relname::text
        from pg_index x join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
        left join pg_attribute a on a.attrelid = c.oid and a.attnum = x.indkey[0]
        where c.relnamespace = 'everlog'::regnamespace and c.relkind in ('r', 'p')
            and (x.indisunique or x.indisexclusion) and a.attname is distinct from %s"""
    for table, index in connection.execute(query, [COLUMN]):
        if table not in WITHOUT_TENANT:
            yield Finding(table, f"key {index} does not start with the tenant")


def _foreign(connection: Connection, _: Known) -> Iterator[Finding]:
    query = """
        select c.relname::text, k.conname::text
        from pg_constraint k join pg_class c on c.oid = k.conrelid
        left join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
        left join pg_attribute b on b.attrelid = k.confrelid and b.attnum = k.confkey[1]
        where c.relnamespace = 'everlog'::regnamespace and k.contype = 'f'
            and (a.attname is distinct from %s or b.attname is distinct from %s)"""
    for table, name in connection.execute(query, [COLUMN, COLUMN]):
        yield Finding(table, f"foreign key {name} does not start with the tenant on both sides")


def _functions(connection: Connection, _: Known) -> Iterator[Finding]:
    query = """
        select p.oid::regprocedure::text, p.prosecdef, n.nspname = 'everlog' and exists (
            select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0)
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%'"""
    for name, definer, everyone in connection.execute(query):
        if definer:
            yield Finding(name, "runs with its owner's rights (security definer)")
        if everyone:
            yield Finding(name, "may be executed by everyone")


def _resting(connection: Connection, _: Known) -> Iterator[Finding]:
    """Outside its schema, no view and no partition rests on the product's tables."""
    query = """
        select distinct format('%I.%I', n.nspname, c.relname)
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        left join pg_rewrite w on w.ev_class = c.oid
        join pg_depend d on (d.classid, d.objid) in (('pg_rewrite'::regclass, w.oid), ('pg_class'::regclass, c.oid))
        join pg_class t on d.refclassid = 'pg_class'::regclass and t.oid = d.refobjid
        where n.nspname <> 'everlog' and t.relnamespace = 'everlog'::regnamespace
            and c.relkind in ('r', 'p', 'f', 'v', 'm')"""
    for (thing,) in connection.execute(query):
        yield Finding(thing, "rests on a table of the product from outside its schema")


def _given(connection: Connection, known: Known) -> Iterator[Finding]:
    """Outside its schema the product's roles are given nothing, but by extensions."""
    query = """
        select format('%%I.%%I', n.nspname, c.relname),
            case g.grantee when 0 then 'everyone' else pg_get_userbyid(g.grantee)::text end, lower(g.privilege_type)
        from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) g
        where n.nspname not in ('everlog', 'pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%%'
            and g.grantee <> c.relowner and c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
            and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
                and d.deptype = 'e')
            and (g.grantee = 0 or pg_get_userbyid(g.grantee)::text = any(%s))"""
    for thing, role, right in connection.execute(query, [[known.roles.app, known.roles.worker]]):
        yield Finding(thing, f"{role} may {right}, outside the product's schema")


def _attributes(connection: Connection, known: Known) -> Iterator[Finding]:
    query = """
        select rolname::text, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication
        from pg_roles where rolname = any(%s)"""
    attributes = (
        "is superuser",
        "bypasses row-level security",
        "may create roles",
        "may create databases",
        "replicates",
    )
    for role, *held in connection.execute(query, [[known.roles.app, known.roles.worker]]):
        yield from (Finding(role, what) for what, has in zip(attributes, held, strict=True) if has)


def _settings(connection: Connection, _: Known) -> Iterator[Finding]:
    """There is no default tenant: no role and no database may bring a setting that the walls go by."""
    query = """
        select case s.setrole when 0 then 'every role' else pg_get_userbyid(s.setrole)::text end,
            split_part(c, '=', 1), c
        from pg_db_role_setting s, unnest(s.setconfig) c
        where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))"""
    for role, setting, whole in connection.execute(query):
        # Whoever names the catalogue in the search path puts something before it.
        if setting.lower() in DECISIVE or (setting == "search_path" and "pg_catalog" in whole):
            yield Finding(role, f"begins every session with {setting} set")


def _members(connection: Connection, known: Known) -> Iterator[Finding]:
    query = """
        select pg_get_userbyid(m.member)::text, pg_get_userbyid(m.roleid)::text
        from pg_auth_members m where pg_get_userbyid(m.member)::text = any(%s)"""
    for role, group in connection.execute(query, [[known.roles.app, known.roles.worker]]):
        yield Finding(role, f"is a member of {group}")


def _owned(connection: Connection, known: Known) -> Iterator[Finding]:
    query: LiteralString = """
        select distinct pg_get_userbyid(refobjid)::text, pg_describe_object(classid, objid, 0)
        from pg_shdepend
        where deptype = 'o' and refclassid = 'pg_authid'::regclass and pg_get_userbyid(refobjid)::text = any(%s)
            and dbid in (0, (select oid from pg_database where datname = current_database()))"""
    for role, what in connection.execute(query, [[known.roles.app, known.roles.worker]]):
        yield Finding(role, f"owns {what}")


def _grants(connection: Connection, known: Known) -> Iterator[Finding]:
    """Every right to a relation or a column that is not on the list."""
    query = """
        select t.relname::text, t.relispartition, case t.grantee when 0 then 'everyone'
            else pg_get_userbyid(t.grantee)::text end, lower(t.privilege_type), t.attname::text
        from (
            select c.relname, c.relispartition, g.grantee, g.privilege_type, null::name
            from pg_class c, aclexplode(c.relacl) g
            where c.relnamespace = 'everlog'::regnamespace and g.grantee <> c.relowner
            union all
            select c.relname, c.relispartition, g.grantee, g.privilege_type, a.attname
            from pg_class c join pg_attribute a on a.attrelid = c.oid, aclexplode(a.attacl) g
            where c.relnamespace = 'everlog'::regnamespace and g.grantee <> c.relowner
        ) t (relname, relispartition, grantee, privilege_type, attname)"""
    for table, partition, role, right, column in connection.execute(query):
        if partition or not _allowed(known.roles, table, role, right, column):
            yield Finding(table, f"{role} may {right}{f' its column {column}' if column else ''}")


def _allowed(roles: Roles, table: str, role: str, right: str, column: str | None) -> bool:
    if table in WITHOUT_TENANT:
        return right == "select" and role in (roles.app, roles.worker)
    listed = rights(table)
    mine = {roles.app: listed.app, roles.worker: listed.worker}.get(role, frozenset())
    if right not in mine:
        return False
    narrowed = right == "update" and bool(listed.columns)
    return column in listed.columns if narrowed else True


def _doors(connection: Connection, known: Known) -> Iterator[Finding]:
    """What may be made or used beside the tables: rights to schemas and to the database."""
    query = """
        select t.thing, case t.grantee when 0 then 'everyone' else pg_get_userbyid(t.grantee)::text end, t.privilege
        from (
            select 'schema ' || n.nspname, g.grantee, lower(g.privilege_type)
            from pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) g
            where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%'
                and g.grantee <> n.nspowner
            union all
            select 'database ' || d.datname, g.grantee, lower(g.privilege_type)
            from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) g
            where d.datname = current_database() and g.grantee <> d.datdba
        ) t (thing, grantee, privilege)"""
    ours = ("everyone", known.roles.app, known.roles.worker)
    for thing, role, right in connection.execute(query):
        creates = role in ours and right in ("create", "temporary")
        if creates or (thing == "schema everlog" and role == "everyone"):
            yield Finding(thing, f"{role} may {'make temporary tables' if right == 'temporary' else right}")
