"""What all jobs stand on: embedded servers in a temporary folder, with a database of the peers' own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from msgspec import Struct
from psycopg.conninfo import make_conninfo

from adapters.embedded import Servers, running, wipe
from benchmarks.peers import copy, pgbench


class Ground(Struct, frozen=True):
    servers: Servers
    home: Path
    """The product's own folder: the keys outlast its processes."""
    peers: str
    """The URL of the peers' database, as its superuser: no wall, no policy, nothing that could slow a peer."""


@contextmanager
def prepared() -> Iterator[Ground]:
    with TemporaryDirectory(prefix="everlog-bench-") as name:
        folder = Path(name, "data")
        try:
            with running(folder) as servers:
                yield Ground(servers, folder, _peers(servers))
        finally:
            # As root the servers' files lie in a folder of their own, which would stay behind.
            wipe(folder)


def _peers(servers: Servers) -> str:
    superuser = servers.addresses.superuser
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("create database peers")
    url = make_conninfo(superuser, dbname="peers")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(pgbench.TABLE)
        connection.execute(copy.TABLE)
    return url
