"""What is looked at before anything is served: a server that could lose or leak data is refused."""

from collections.abc import Iterator

from adapters.postgres.lint import lint
from adapters.postgres.migrate import FOLDER
from adapters.postgres.roles import Connection
from tenants.isolation import Finding

OLDEST = {15: 14, 16: 10, 17: 6}
"""The first minor release of each major that is new enough; from 18 on, all are."""

_DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


class Unsafe(Exception):
    """The database is not fit to serve from; `findings` says why."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("The database is not safe to serve from:\n" + "\n".join(f"- {each}" for each in findings))
        self.findings = findings


def check(connection: Connection) -> None:
    """Refuse to start on this connection, the app's or the worker's. Raises `Unsafe`."""
    findings = [*_server(connection), *_role(connection)]
    missing = list(_migrations(connection))
    findings += missing or lint(connection)
    if findings:
        raise Unsafe(findings)


def _server(connection: Connection) -> Iterator[Finding]:
    version = connection.info.server_version
    major, minor = divmod(version, 10_000)
    if major < min(OLDEST) or minor < OLDEST.get(major, 0):
        least = ", ".join(f"{each}.{first}" for each, first in OLDEST.items())
        yield Finding("server", f"PostgreSQL {major}.{minor} is too old; the least are {least} and 18")
    for setting in _DURABLE:
        value = connection.execute("select current_setting(%s)", [setting]).fetchall()[0][0]
        if value == "off":
            yield Finding("server", f"{setting} is off: what was acknowledged could be lost")


def _role(connection: Connection) -> Iterator[Finding]:
    query = """
        select r.rolname::text, r.rolsuper, r.rolbypassrls, coalesce(r.oid = n.nspowner, false)
            or exists (select from pg_class c where c.relnamespace = n.oid and c.relowner = r.oid),
            coalesce(has_schema_privilege(r.oid, n.oid, 'usage'), false)
        from pg_roles r left join pg_namespace n on n.nspname = 'everlog' where r.rolname = current_user"""
    role, superuser, bypasses, owns, uses = connection.execute(query).fetchall()[0]
    if superuser:
        yield Finding(role, "is superuser: no wall holds it")
    if bypasses:
        yield Finding(role, "bypasses row-level security")
    if owns:
        yield Finding(role, "owns the tables, so it could take the walls away; it is for `everlog migrate` alone")
    if not uses:
        yield Finding(role, "may not use the schema: run `everlog migrate` with this role's URL")


def _migrations(connection: Connection) -> Iterator[Finding]:
    """Migrations are named by ascending numbers, so the newest file says where the schema must stand."""
    newest = max(path.name for path in (FOLDER / "versions").glob("[0-9]*.py"))
    wanted = newest.partition("_")[0]
    made = connection.execute("select to_regclass('everlog.migrations') is not null").fetchall()[0][0]
    stands = [row[0] for row in connection.execute("select version_num from everlog.migrations")] if made else []
    if stands != [wanted]:
        yield Finding("schema everlog", f"stands at {stands or 'nothing'}, not at {wanted}: run `everlog migrate`")
