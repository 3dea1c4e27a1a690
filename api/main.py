"""`everlog`, the command line. Everything heavy is imported by the command that needs it."""

import sys
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from cyclopts.validators import Number
from msgspec.structs import replace

from api import settings as configuration

app = App(
    name="everlog",
    version=lambda: version("everlog"),
    help="""Everlog: every change an event in its organisation's own log, everything else folded from it.

    Start with `everlog serve`; then, in another terminal, `everlog tenants create "Acme"`, which prints an API key.
    """,
    help_format="plaintext",
)

GROUPS = {
    "tenants": "Create organisations, and move them to other installations. Each has a log, keys and walls of its own.",
    "members": "Say who belongs to an organisation, and in which role.",
    "api-keys": "Issue and revoke API keys. A key names its organisation; its text is shown once.",
    "keys": "Rotate organisations' keys, and take them to key services of their own and back.",
    "predictions": "Compute past predictions again from the log.",
    "audit": "Ask an organisation's audit trail.",
    "views": "See how far an organisation's read models are behind its log.",
}
for group, words in GROUPS.items():
    name = group.replace("-", "_")
    module = "tenancy" if group == "tenants" else f"shell.{name}"
    app.command(f"api.{module}:{name}", name=group, help=words)

Json = Annotated[bool, Parameter(name="--json", negative="")]
Flag = Annotated[bool, Parameter(negative="")]
Port = Annotated[int | None, Parameter(validator=Number(gte=0, lte=65535))]


@app.command
def serve(*, port: Port = None) -> None:
    """Run everything in one: embedded servers, the API, the workers and the relay, until interrupted.

    Args:
        port: Where the API listens; 0 takes any free port. EVERLOG_PORT, or 8000, where it is not given.
    """
    from api import serve as server

    server.serve(server.on_port(configuration.read(), port))


@app.command
def api() -> None:
    """Run the HTTP API alone, against the servers that the environment names."""
    from api import http, serve

    serve.follow()
    given = configuration.read()
    serve.must_be_free(given.host, given.port)
    http.run(replace(configuration.of_running(given), port=given.port))


@app.command
def worker(*parts: str) -> None:
    """Keep views, publish to NATS, learn, seal and check, against the servers that the environment names.

    Args:
        parts: Any of views, relay, learning, seal, check, deliver; all of them where none is named.
    """
    from api import serve
    from api import worker as work

    serve.follow()
    work.run(configuration.of_running(configuration.read()), parts or work.PARTS)


@app.command
def migrate(*, json: Json = False) -> None:
    """Make or update the roles, tables, policies and streams, as the owner role of EVERLOG_OWNER_URL.

    Args:
        json: Answer with one JSON object.
    """
    from api import bootstrap, shell

    settings = configuration.of_running(configuration.read())
    bootstrap.migrate(settings)
    shell.say({"migrated": True}, "Roles, tables, policies and streams are up to date.", json=json)


@app.command
def backup(into: Path, *, json: Json = False) -> None:
    """Copy the whole database, while it runs, into a new folder below this one; keys are not in it.

    Without EVERLOG_DATABASE_URL it is the embedded server's that runs in EVERLOG_HOME.

    Args:
        into: The folder of the backups; best on another disk.
        json: Answer with one JSON object.
    """
    from api import recovery

    recovery.backup(into, json=json)


@app.command
def restore(backups: Path, *, at: datetime | None = None, replace: Flag = False, json: Json = False) -> None:
    """Put a backup back into EVERLOG_HOME while nothing runs there: a new generation of every log begins.

    Who was erased since is erased again before anything is served. Exit code 1, and nothing changed, where the backup
    is damaged, of another release of PostgreSQL, or does not reach that time. Cut short later, do it again, or go back
    to the data that were there with `everlog promote`.

    Args:
        backups: A backup, or the folder of several: then the latest that was finished by that time.
        at: Up to which time (ISO 8601; without a zone, this machine's); as far as EVERLOG_ARCHIVE goes, if left out.
        replace: Where there is a database already, move it aside.
        json: Answer with one JSON object.
    """
    from api import recovery

    recovery.restore(backups, at, replace=replace, json=json)


@app.command
def promote(*, backups: Path | None = None, json: Json = False) -> None:
    """Promote the replica of EVERLOG_OWNER_URL, or take into use what was put back there; logs get a new generation.

    With neither EVERLOG_OWNER_URL nor EVERLOG_DATABASE_URL it takes into use what lies in EVERLOG_HOME, while nothing
    runs there. Nobody can write before it is done. Cut short, it is done again.

    Args:
        backups: A folder of backups, for the copies of the ledger in them; where the key folder was lost too.
        json: Answer with one JSON object.
    """
    from api import recovery

    recovery.promote(backups, json=json)


@app.command
def witness(
    *,
    state: Path,
    name: str,
    origin_key: list[str],
    listen: str = "127.0.0.1:8700",
    certificate: Path | None = None,
    key: Path | None = None,
) -> None:
    """Cosign checkpoints of the logs whose keys are named, none of which may ever show two histories.

    To be run by somebody else, elsewhere: it needs neither a database nor a data folder. Its key is made in the
    folder at the first start and printed at each.

    Args:
        state: The folder of its key and of what it signed last; never to be put back from a copy.
        name: What the witness is called, a URL without scheme, such as witness.example.org/w1; for good.
        origin_key: A log's verifier key, as its proofs name it; once for each log.
        listen: HOST:PORT to answer on; port 0 takes any free one.
        certificate: A file with its certificate and those up to an authority's, in PEM: it speaks TLS 1.3 alone.
        key: The file with the certificate's key.
    """
    from api import transport
    from api import witness as stand

    stand.run(state, name, origin_key, listen, transport.identity(certificate, key))


@app.command
def router(
    *,
    cell: list[str],
    secret: Path,
    listen: str = "127.0.0.1:8080",
    authority: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
) -> None:
    """Stand before several cells: each request goes to the one whose organisation the API key names, and to no other.

    It needs neither a database nor a data folder, and any number of it may run.

    Args:
        cell: A region and the address of its API, as eu=https://eu.example.org; once for each. Which one answers what
            is asked without a key: the first.
        secret: A file with what says to a cell that a router asks: its EVERLOG_ROUTER_SECRET.
        listen: HOST:PORT to answer on; port 0 takes any free one.
        authority: A file with the authority of the cells' certificates, in PEM, where it is not one of the system's.
        certificate: A file with the router's certificate and those up to an authority's, in PEM, for TLS 1.3.
        key: The file with the certificate's key.
    """
    from api import router as route
    from api import transport

    route.run(cell, secret, listen, authority, transport.identity(certificate, key))


@app.command
def check_walls(*, json: Json = False) -> None:
    """Look for a hole between tenants: roles, grants, policies, keys and server settings. Exit code 1 if there is one.

    Args:
        json: Answer with one JSON object.
    """
    from api.shell import walls

    walls.check_walls(json=json)


@app.command
def demo(*, once: Flag = False, fresh: Flag = False, port: Port = None, json: Json = False) -> None:
    """Stream real grant applications of two organisations through the HTTP API and show what came of it.

    Keeps what earlier runs left and adds two new organisations. Afterwards the server goes on until interrupted.

    Args:
        once: Exit after the summary.
        fresh: Wipe the data folder first.
        port: Where the API listens; 0 takes any free port, and so does leaving it out where 8000 is taken.
        json: Print the summary as one JSON object about the first organisation.
    """
    from api import demo as show

    show.run(configuration.read(), once=once, fresh=fresh, port=port, json=json)


def main() -> None:
    """Run a command; exit with 0 when it did what it says, 1 when it could not and says why, 2 on wrong usage.

    Interrupted by Ctrl-C before it has done it, 130.
    """
    run(app)


def run(command: Callable[[], Any]) -> None:
    try:
        command()
    except KeyboardInterrupt:
        # As a shell puts it: ended by signal 2.
        sys.exit(130)
    except Exception as problem:
        # Everything heavy is loaded by now, or the problem is not one that bootstrap knows.
        from api.failures import plain

        if (words := plain(problem)) is None:
            raise
        sys.exit(f"everlog: {words}")


if __name__ == "__main__":
    main()
