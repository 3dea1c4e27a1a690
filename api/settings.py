"""Where things are and how they run: the environment, and what a running `everlog serve` has left word of."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from api import transport
from api.forwarded import Header, Proxies
from api.transport import Identity, Release, identity
from projections.proofs import submission
from projections.proofs.note import Unsound
from tenants.residency import REGION


class Unset(Exception):
    """A setting that the command needs is missing; the message says which and how to give it."""


LEASH = "EVERLOG_LEASH"
"""Names the descriptor that a child process listens at: it ends when whoever started all of them has gone."""
FILE = "_FILE"
"""Behind a variable's name: the variable names a file with the value."""
NAMES = {
    "database": "EVERLOG_DATABASE_URL",
    "owner": "EVERLOG_OWNER_URL",
    "worker": "EVERLOG_WORKER_URL",
    "replica": "EVERLOG_REPLICA_URL",
    "backup": "EVERLOG_BACKUP_URL",
    "nats": "EVERLOG_NATS_URL",
    "home": "EVERLOG_HOME",
    "keys": "EVERLOG_KEYS",
    "kms": "EVERLOG_KMS",
    "witnesses": "EVERLOG_WITNESSES",
    "archive": "EVERLOG_ARCHIVE",
    "journal": "EVERLOG_JOURNAL",
    "host": "EVERLOG_HOST",
    "port": "EVERLOG_PORT",
    "certificate": "EVERLOG_TLS_CERTIFICATE",
    "certificate_key": "EVERLOG_TLS_KEY",
    "tls": "EVERLOG_TLS_MINIMUM",
    "hsts": "EVERLOG_HSTS_SECONDS",
    "authorities": "EVERLOG_TLS_CA",
    "nats_certificate": "EVERLOG_NATS_CERTIFICATE",
    "nats_key": "EVERLOG_NATS_KEY",
    "plaintext": "EVERLOG_PLAINTEXT",
    "poll": "EVERLOG_POLL_SECONDS",
    "rate": "EVERLOG_REQUESTS_PER_MINUTE",
    "check": "EVERLOG_CHECK_HOURS",
    "region": "EVERLOG_REGION",
    "router": "EVERLOG_ROUTER_SECRET",
    "hosts": "EVERLOG_OUTBOUND_HOSTS",
    "proxies": "EVERLOG_TRUSTED_PROXIES",
    "forwarded": "EVERLOG_PROXY_HEADER",
    "controller": "EVERLOG_CONTROLLER",
    "reason": "EVERLOG_REASON",
}
DATABASES = ("database", "owner", "worker", "replica", "backup")


class Settings(Struct, frozen=True, kw_only=True, rename=NAMES):
    """What each means stands in the reference as it stands here."""

    home: Path
    """The data folder of the embedded servers; `.everlog` in the current folder if left out."""
    database: str = ""
    """The database under the app's role, which owns nothing. With `EVERLOG_NATS_URL`, no embedded server is started."""
    owner: str = ""
    """The same database under the role that owns it. For `everlog migrate` alone; do not give it to others."""
    worker: str = ""
    """The same under the worker's role, which may also list tenants. Left out: the app's role with `_worker` behind
    its name, and its password."""
    replica: str = ""
    """A streaming replica of the database, under the app's role. Queries are answered from it while it is at most five
    seconds behind; those that ask for a position, only where it has that position."""
    backup: str = ""
    """The database under a role that may replicate. For `everlog backup` alone."""
    nats: str = ""
    """The NATS server, with JetStream; of a cluster several addresses, with commas between them."""
    keys: Path
    """The folder of key files that personal data are encrypted under; `keys` in the data folder if left out."""
    kms: str = ""
    """The key service over the tenants' keys: `file:FOLDER`, `vault:https://HOST:PORT?token=FILE` with `mount`,
    `namespace` and `ca` as further options, or `aws:KEY` with `region`, `credentials`, `profile`, `endpoint` and `ca`;
    the folder of `EVERLOG_KEYS` if left out."""
    witnesses: str = ""
    """Who cosigns checkpoints: `https://HOST/PATH VERIFIER-KEY`, with commas between several. The worker's part `seal`
    brings each new checkpoint to each of them."""
    archive: Path | None = None
    """Where the embedded PostgreSQL archives what it writes, for restores to a point in time: best on another disk."""
    journal: Path
    """Where reads of personal data are written down before they are answered, until they are in the log; `journal` in
    the data folder if left out. Local to the machine, and kept when an API process is replaced."""
    host: str = "127.0.0.1"
    """The address that the API listens on."""
    port: Annotated[int, Meta(ge=1, le=65535)] = 8000
    """The port that the API listens on."""
    certificate: Path | None = None
    """A file with the API's certificate, and behind it those up to an authority's, in PEM. With it the API speaks TLS
    alone; without it plain HTTP, for this machine or for a proxy that speaks TLS."""
    certificate_key: Path | None = None
    """The file with the certificate's key, in PEM."""
    tls: Release = "1.3"
    """The oldest release of TLS that the API speaks: 1.3 or 1.2."""
    hsts: Annotated[int, Meta(ge=0)] | None = None
    """For how many seconds browsers are told to come over TLS alone. A year where the API speaks TLS itself; nothing is
    told where it does not, unless this is set: where a proxy that speaks TLS stands before it."""
    authorities: Path | None = None
    """A file of authorities (PEM) to trust instead of the system's: for the database, NATS and witnesses."""
    nats_certificate: Path | None = None
    """The certificate (PEM) that is shown to a NATS server which asks for one."""
    nats_key: Path | None = None
    """The file with that certificate's key."""
    plaintext: str = ""
    """What may come from and go to other machines without TLS, with commas between: `api`, `database`, `nats`,
    `witnesses`. Something else encrypts there, or nobody listens. On this machine itself nothing needs TLS."""
    poll: Annotated[float, Meta(ge=0)] = 0.5
    """Seconds between looks at the log where no wake-up comes; 0 switches polling off."""
    rate: Annotated[int, Meta(ge=1)] = 6000
    """Requests a minute that one API key may make of one API process."""
    check: Annotated[float, Meta(ge=0)] = 24.0
    """Hours between two looks at an organisation's whole record; 0 switches them off."""
    region: Annotated[str, Meta(pattern=rf"{REGION}|^$")] = ""
    """The region that this installation is the cell of, such as `eu`: organisations that are created here stay in it,
    and none of another region is taken in. Left out: any."""
    router: Annotated[str, Meta(pattern=r"^([!-~]{32,})?$")] = ""
    """What a router shows to say that it is one: at least 32 printable characters, the same in every cell. Left out:
    nobody is told which organisations are here, and the address of whoever connects is taken for the client's."""
    proxies: Proxies | None = None
    """Networks (CIDR), with commas between, of the proxies before the API: they are believed when they say for whom
    they ask. Left out: nobody is, and the address of whoever connects is taken for the client's."""
    forwarded: Header = "x-forwarded-for"
    """The one header that those proxies say it in: `x-forwarded-for`, or `forwarded` (RFC 7239)."""
    hosts: str = ""
    """Names of hosts, with commas between them, to which organisations may have their trail delivered although their
    addresses are not public, and over plain HTTP: destinations inside this installation's own network. Everything else
    that goes out goes to public addresses alone."""
    controller: Annotated[str, Meta(max_length=2000)] = ""
    """Who answers for the personal data: name and contact of the controller and of its data protection officer, and to
    which countries what goes on which ground. Persons' exports and records of processing tell it as it stands here."""
    reason: Annotated[str, Meta(max_length=500)] = ""
    """Why an operator gives the command that this stands before: it is kept in the organisation's trail."""

    @property
    def outbound(self) -> frozenset[str]:
        """The hosts, by name."""
        return frozenset(each.strip().lower() for each in self.hosts.split(",") if each.strip())

    def __repr__(self) -> str:
        # Addresses hold passwords, and an error may be told with the values around it.
        return f"Settings(home={str(self.home)!r}, host={self.host!r}, port={self.port})"

    @property
    def identity(self) -> Identity | None:
        """What the API shows of itself, where it speaks TLS. Raises `Insecure`."""
        return identity(self.certificate, self.certificate_key, self.tls)

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://{self.host}:{self.port}"

    @property
    def embedded(self) -> bool:
        return not (self.database and self.nats)

    @property
    def shared(self) -> bool:
        """Whether the embedded database server is of the product's own user, and so may read what that one may."""
        owner = self.home.stat().st_uid if self.home.exists() else os.geteuid()
        return self.embedded and owner != 0


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings that the environment names, with their defaults.

    Raises:
        Unset: a value is not what it should be.
    """
    given = {name: text for name in NAMES.values() if (text := _given(environment, name))}
    home = Path(given.get(NAMES["home"], ".everlog")).absolute()
    given |= {NAMES["home"]: str(home), NAMES["keys"]: given.get(NAMES["keys"], str(home / "keys"))}
    given[NAMES["journal"]] = str(Path(given.get(NAMES["journal"], home / "journal")).absolute())
    if archive := given.get(NAMES["archive"]):
        given[NAMES["archive"]] = str(Path(archive).absolute())
    try:
        settings = msgspec.convert(given, Settings, strict=False, dec_hook=lambda kind, value: kind(value))
    except msgspec.ValidationError as problem:
        raise Unset(f"A variable of the environment is wrong: {problem}.".replace("$.", "")) from problem
    _must_name_servers(settings)
    return _encrypted(settings)


def _given(environment: Mapping[str, str], name: str) -> str:
    """A variable's value; or, so that a secret stays out of the environment, what stands in the file of `NAME_FILE`.

    Raises `Unset`.
    """
    plain, file = environment.get(name, ""), environment.get(f"{name}{FILE}", "")
    if not file:
        return plain
    if plain:
        raise Unset(f"Set {name} or {name}{FILE}, not both.")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise Unset(f"{file}, which {name}{FILE} names, cannot be read ({type(problem).__name__}).") from problem


def _encrypted(settings: Settings) -> Settings:
    """With verified TLS in each URL of another machine's database. Raises `Unset`, and `Insecure` for plain text."""
    try:
        named = submission.witnesses(settings.witnesses)
    except Unsound as problem:
        raise Unset(f"EVERLOG_WITNESSES is wrong: {problem}") from problem
    plain = transport.plaintext(settings.plaintext)
    if "nats" not in plain:
        transport.must_be_tls(NAMES["nats"], "tls", settings.nats.split(","))
    if "witnesses" not in plain:
        transport.must_be_tls(NAMES["witnesses"], "https", [each.url for each in named])
    urls = {name: getattr(settings, name) for name in DATABASES}
    return msgspec.structs.replace(
        settings,
        **{
            name: transport.verified(NAMES[name], url, settings.authorities, plain="database" in plain)
            for name, url in urls.items()
            if url
        },
    )


def _must_name_servers(settings: Settings) -> None:
    """Said here, since what a library says of a wrong URL may quote the password in it."""
    for name in DATABASES:
        if (url := getattr(settings, name)) and not re.match(r"postgres(ql)?://", url):
            raise Unset(f"{NAMES[name]} is no URL such as postgresql://ROLE:PASSWORD@HOST:PORT/DATABASE.")
    if settings.database and not re.search(r"://[^/@:]+(:[^@]*)?@|[?&]user=", settings.database):
        raise Unset("EVERLOG_DATABASE_URL names no role: postgresql://ROLE:PASSWORD@HOST:PORT/DATABASE.")
    if bool(settings.database) != bool(settings.nats):
        # With one of them alone, all would be written to embedded servers that nobody meant.
        raise Unset("Set both EVERLOG_DATABASE_URL and EVERLOG_NATS_URL, or none of them for embedded servers.")


def of_running(settings: Settings) -> Settings:
    """The settings with the addresses that a running `everlog serve` in this data folder has left word of.

    Raises:
        Unset: there are neither addresses in the environment nor a running server.
    """
    if not settings.embedded:
        return settings
    try:
        word = msgspec.json.decode(_word(settings.home).read_bytes(), type=dict[str, str])
        os.kill(int(word["pid"]), 0)
    except PermissionError as problem:
        raise Unset(f"The server in {settings.home} is another user's. Ask as that user.") from problem
    except (FileNotFoundError, NotADirectoryError, ProcessLookupError, msgspec.DecodeError) as problem:
        raise Unset(
            f"No server runs in {settings.home}. Start one with `everlog serve`, name its folder in EVERLOG_HOME, "
            "or set EVERLOG_DATABASE_URL and EVERLOG_NATS_URL."
        ) from problem
    known = {name: word[name] for name in ("database", "owner", "worker", "nats")}
    return msgspec.structs.replace(settings, port=int(word["port"]), **known)


def leave_word(settings: Settings) -> None:
    """Tell other commands of this user where the servers answer."""
    word = {name: getattr(settings, name) for name in ("database", "owner", "worker", "nats")}
    word |= {"pid": str(os.getpid()), "port": str(settings.port)}
    # On existing servers nothing else has made the folder.
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = _word(settings.home).with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(word))
    fresh.replace(_word(settings.home))


def environment(settings: Settings) -> dict[str, str]:
    """What a child process needs in its environment to run with the same settings, the owner's password left out."""
    private = {NAMES[name] for name in ("owner", "backup")}
    gone = private | {f"{name}{FILE}" for name in private}
    inherited = {name: value for name, value in os.environ.items() if name not in gone}
    # What came from a file is read from it again, and never stands in an environment.
    named = {
        variable: getattr(settings, name)
        for name, variable in NAMES.items()
        if variable not in private and f"{variable}{FILE}" not in inherited
    }
    return {**inherited, **{variable: str(value) for variable, value in named.items() if value or value == 0}}


def _word(home: Path) -> Path:
    return home / "serving.json"
