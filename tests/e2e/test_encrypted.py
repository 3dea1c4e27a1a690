"""The whole product on a PostgreSQL and a NATS that speak TLS alone: no session of it is in plain text.

The wheel's PostgreSQL was built without TLS, so this needs one of the system's, and is skipped where there is none.
"""

import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from api.demo.applications import applications, commands
from api.demo.client import Client
from tests.adapters.nats.test_dial import Secured, begun
from tests.certificates import Authority
from tests.clusters import PASSWORD, account, reachable
from tests.served import answered, environment, everlog, free_port, served
from tests.waiting import until

FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
HBA = "hostssl all all 127.0.0.1/32 scram-sha-256\nhostssl replication all 127.0.0.1/32 scram-sha-256\n"
SESSIONS = """
    select usename, ssl from pg_stat_activity join pg_stat_ssl using (pid) where usename like 'everlog%'"""
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not FOUND, reason="No PostgreSQL of the system's own is installed: it would speak TLS."),
]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@contextmanager
def postgres(authority):
    """The function that makes a role's URL, for a server that takes TLS alone."""
    programs, folder, port = FOUND[-1].parent, reachable(), free_port()
    data = folder / "data"
    (folder / "password").write_text(PASSWORD)
    made = ["-U", "postgres", "--auth=scram-sha-256", "--locale=C", "--encoding=UTF8"]
    words = [str(programs / "initdb"), "-D", str(data), *made, f"--pwfile={folder / 'password'}"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd="/", **account())
    (data / "pg_hba.conf").write_text(HBA)
    for file, name in zip(authority.issue(), ("server.crt", "server.key"), strict=True):
        shutil.copy(file, data / name)
        (data / name).chmod(0o600)
        shutil.chown(data / name, data.stat().st_uid, data.stat().st_gid)
    options = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "ssl=on"]
    words = [str(programs / "postgres"), "-D", str(data), *(word for each in options for word in ("-c", each))]

    def url(role, database="everlog", mode="verify-full"):
        more = f"sslmode={mode}" + (f"&sslrootcert={authority.file}" if mode == "verify-full" else "")
        return f"postgresql://{role}:{PASSWORD}@127.0.0.1:{port}/{database}?{more}"

    with (folder / "log").open("wb") as log, subprocess.Popen(words, stderr=log, cwd="/", **account()) as process:
        try:
            yield url
        finally:
            process.terminate()
            process.wait(60)
            shutil.rmtree(folder, ignore_errors=True)


def answers(url):
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def asked(url, *statements):
    """As the superuser; what the last one answers."""
    with psycopg.connect(url("postgres", "postgres"), autocommit=True) as connection:
        answers = [connection.execute(each.encode()) for each in statements]
        return answers[-1].fetchall() if answers[-1].description else []


def prepared(url):
    """An owner with a database of its own, as soon as the server answers."""
    until(lambda: answers(url("postgres", "postgres")))
    owner = f"create role everlog_owner login createrole password '{PASSWORD}'"
    asked(url, owner, "create database everlog owner everlog_owner")


def test_every_session_with_the_database_and_with_nats_is_encrypted(authority, tmp_path):
    broker = begun(Secured(tmp_path / "nats", authority.issue(), authority))
    certificate, key = authority.issue(name="everlog")
    with postgres(authority) as url:
        try:
            prepared(url)
            named = {
                "EVERLOG_DATABASE_URL": url("everlog_app"),
                "EVERLOG_NATS_URL": broker.url,
                "EVERLOG_TLS_CA": str(authority.file),
                "EVERLOG_NATS_CERTIFICATE": str(certificate),
                "EVERLOG_NATS_KEY": str(key),
            }
            own = environment(**named, EVERLOG_HOME=str(tmp_path / "home"))
            assert answered(["migrate"], own | {"EVERLOG_OWNER_URL": url("everlog_owner")}) == {"migrated": True}
            with served(tmp_path / "home", **named) as product:
                made = answered(["tenants", "create", "Acme"], product.environment)
                client = Client(product.url, UUID(made["tenant"]), made["key"])
                for _ in client.send(commands(client.tenant, applications()[:2])):
                    pass
                assert len(client.get("/v1/prospects")["items"]) == 2
                sessions = asked(url, SESSIONS)
                assert {name for name, _ in sessions} == {"everlog_app", "everlog_app_worker"}
                assert all(secure for _, secure in sessions)
            # The controls: in plain text neither server lets us in.
            plain = everlog(["check-walls"], own | {"EVERLOG_DATABASE_URL": url("everlog_app", mode="disable")})
            assert (plain.returncode, "no encryption" in plain.stderr) == (1, True), plain.stderr
            bare = {
                name: text for name, text in own.items() if not name.startswith(("EVERLOG_NATS_C", "EVERLOG_NATS_K"))
            }
            refused = everlog(["migrate"], bare | {"EVERLOG_OWNER_URL": url("everlog_owner")})
            assert (refused.returncode, "NATS" in refused.stderr) == (1, True), refused.stderr
        finally:
            broker.kill()
