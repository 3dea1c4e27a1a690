"""Kill -9, power cuts and full disks under the journal of reads, while clients read of persons from two API processes.

The journal's folder lies on a disk that forgets what was not synced. Each read bears a trace of its own: what was
answered has to stand in the log in the end, once, with that trace and the person who was shown.
"""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random
from subprocess import DEVNULL, Popen
from uuid import UUID

import httpx2
from msgspec import Struct, field

from adapters.embedded import CannotStart, wipe
from adapters.journal.segment import SUFFIX
from api import bootstrap
from domain.audit import Damaged, Read
from domain.kernel import Recorded
from tests.adapters.supervising import ROOT
from tests.faults.disk.drive import Drive, drive, needed
from tests.faults.kills import organisation
from tests.faults.trial import Found, Trial
from tests.served import EVERLOG, Served, end, free_port
from tests.waiting import until

KINDS = ("kill", "power", "full", "both", "serve")
"""Done in turn: one API process is killed; the disk loses its power, and both processes; it is full; both processes are
killed; everything is, the supervisor and the servers too."""
PEOPLE = 12
CLIENTS = 4
SOON = 30.0
"""Seconds within which reads are answered again, where the servers need not start."""
REFUSED = "audit.unrecorded"
PASSING = {REFUSED, "service.unavailable", "service.overloaded", "views.behind"}
"""What may be answered meanwhile, with `Retry-After`."""
NAME = "Ada Lovelace"
RATE = {"EVERLOG_REQUESTS_PER_MINUTE": "1000000"}


class Account(Struct):
    """What clients asked for and were answered."""

    attempted: int = 0
    answered: dict[str, UUID] = field(default_factory=dict)
    """By the trace of the read, who was shown."""
    served: Counter[str] = field(default_factory=Counter)
    """Answers of each address."""
    refused: Counter[str] = field(default_factory=Counter)
    """By address and code."""
    wrong: list[str] = field(default_factory=list)

    def judged(self, log: Sequence[Recorded]) -> Found:
        looks = [look for each in log if isinstance(each.fact, Read) for look in each.fact.looks]
        shown = {look.trace.split("-")[1]: look.subjects for look in looks if look.trace}
        lost = [trace for trace, person in self.answered.items() if person not in shown.get(trace, ())]
        found = Found(attempted=self.attempted, acknowledged=len(self.answered), lost=len(lost))
        found.duplicated = len(looks) - len(shown)
        found.violations += self.wrong + [f"answered, and not in the trail: {trace}" for trace in lost]
        found.violations += ["a read stands in the trail twice"] * found.duplicated
        return found


class Readers:
    """Clients that read of one person after the other, from all addresses in turn, until they are stopped."""

    def __init__(self, urls: Sequence[str], key: str, people: Sequence[UUID]) -> None:
        self.account = Account()
        self._urls, self._key, self._people = urls, key, people
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, name="reader") for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> Account:
        self._over.set()
        for thread in self._threads:
            thread.join()
        return self.account

    def progress(self) -> None:
        """Return when every address has answered again."""
        before = self.account.served.copy()
        until(lambda: all(self.account.served[url] > before[url] for url in self._urls), 120)

    def refused(self) -> None:
        """Return when every address has refused once more for want of a journal."""
        before = self.account.refused.copy()
        asked = [f"{url} {REFUSED}" for url in self._urls]
        until(lambda: all(self.account.refused[each] > before[each] for each in asked), 120)

    def _run(self) -> None:
        with httpx2.Client(headers={"Authorization": f"Bearer {self._key}"}, timeout=60) as client:
            while not self._over.is_set():
                for url in self._urls:
                    try:
                        self._ask(client, url)
                    except httpx2.TransportError:
                        self._over.wait(0.05)

    def _ask(self, client: httpx2.Client, url: str) -> None:
        trace, person = secrets.token_hex(16), secrets.choice(self._people)
        with self._lock:
            self.account.attempted += 1
        header = {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}
        answer = client.get(f"{url}/v1/prospects/{person}", headers=header)
        with self._lock:
            if answer.is_success:
                self.account.answered[trace] = person
                self.account.served[url] += 1
                fit = answer.json()["name"] == NAME
            else:
                code = answer.json()["code"]
                self.account.refused[f"{url} {code}"] += 1
                fit = code in PASSING and "Retry-After" in answer.headers and NAME not in answer.text
            if not fit:
                self.account.wrong.append(f"answered: {answer.status_code} {answer.text[:200]}")


class Pair(Struct):
    """The product, and a second API process beside its own, with the journal of both on one disk."""

    product: Served
    disk: Drive
    port: int
    second: Popen[bytes] | None = None

    @property
    def urls(self) -> tuple[str, str]:
        return self.product.url, f"http://127.0.0.1:{self.port}"

    @property
    def journal(self) -> Path:
        return self.product.home / "journal"

    def start(self) -> None:
        """Return when both are ready; what runs goes on."""
        self.product.start()
        if self.second is None:
            environment = self.product.environment | {"EVERLOG_PORT": str(self.port)}
            with self.product.log.open("ab") as log:
                self.second = Popen([*EVERLOG, "api"], env=environment, cwd=ROOT, stdin=DEVNULL, stdout=log, stderr=log)
        for url in self.urls:
            until(partial(ready, url), 240)

    def kill_first(self) -> None:
        """The supervisor starts it again."""
        end(self.product.children()["api"])

    def kill_second(self) -> None:
        if self.second:
            self.second.kill()
            self.second.wait()
            self.second = None

    def stop(self) -> None:
        self.kill_second()
        self.product.stop()


def ready(url: str) -> bool:
    with suppress(httpx2.TransportError):
        return httpx2.get(f"{url}/readyz").is_success
    return False


@contextmanager
def paired(home: Path) -> Iterator[Pair]:
    """Raises `disk.drive.Missing`."""
    needed()
    product = Served(home, **RATE)
    try:
        with ExitStack() as stack:
            (home / "journal").mkdir(parents=True)
            disk = stack.enter_context(drive(home / "journal"))
            pair = Pair(product, disk, free_port())
            stack.callback(pair.stop)
            pair.start()
            yield pair
    finally:
        with suppress(CannotStart):
            wipe(home)


def run(trial: Trial) -> Found:
    found, seconds = endure(trial, [KINDS[number % len(KINDS)] for number in range(trial.cycles)])
    late = [(kind, each) for kind, each in seconds if each > SOON and kind != "serve"]
    found.late += [f"{kind}: reads were answered again only after {each:.1f} s" for kind, each in late]
    return found


def endure(trial: Trial, kinds: Sequence[str]) -> tuple[Found, list[tuple[str, float]]]:
    """Do these while clients read; what was found, and how long each took until both processes answered again."""
    dice = trial.dice()
    with paired(trial.home / "home") as pair:
        _, tenant, key = organisation(pair.product)
        people = captured(pair.product.url, key)
        readers = Readers(pair.urls, key, people)
        seconds = [(kind, harm(pair, readers, kind, dice)) for kind in kinds]
        account = readers.stop()
        log = carried(pair, tenant)
        found = account.judged(log)
        # The judgement itself has to find what is taken away.
        last = next(each for each in reversed(log) if isinstance(each.fact, Read))
        blind = account.judged([each for each in log if each is not last]).lost == 0
        unsynced = lying(pair, tenant, key, people)
        told = sum(isinstance(each.fact, Damaged) for each in log)
    refusals = Counter[str]()
    for each, count in account.refused.items():
        refusals[each.partition(" ")[2]] += count
    found.control_red = unsynced > 0 and not blind
    found.notes = {
        "answered again after, s": round(max(each for _, each in seconds), 1),
        "refused": ", ".join(f"{code}: {count}" for code, count in refusals.items()),
        "files told as damaged": told,
        "lost by the control": unsynced,
    }
    return found, seconds


def harm(pair: Pair, readers: Readers, kind: str, dice: Random) -> float:
    """One harm at a random moment; seconds until both processes answer again."""
    readers.progress()
    time.sleep(dice.uniform(0, 1.5))
    match kind:
        case "kill":
            (pair.kill_first if dice.random() < 0.5 else pair.kill_second)()
        case "both":
            pair.kill_first()
            pair.kill_second()
        case "serve":
            pair.product.kill()
            pair.kill_second()
        case "power":
            cut(pair, dice.getrandbits(32) if dice.random() < 0.5 else None)
        case _:
            pair.disk.fill(dice.randrange(20_000))
            readers.refused()
            pair.disk.fill(None)
    began = time.monotonic()
    pair.start()
    readers.progress()
    return time.monotonic() - began


def cut(pair: Pair, seed: int | None = None) -> None:
    """From the disk first, so that nothing is written after the same instant."""
    pair.disk.cut(seed)
    pair.kill_first()
    pair.kill_second()
    pair.disk.power()


def lying(pair: Pair, tenant: UUID, key: str, people: Sequence[UUID]) -> int:
    """The control: how many reads that were answered a cut loses where the disk only says that it has synced."""
    readers = Readers(pair.urls, key, people)
    readers.progress()
    pair.disk.lie()
    readers.progress()
    time.sleep(0.5)
    cut(pair)
    account = readers.stop()
    pair.start()
    return account.judged(carried(pair, tenant)).lost


def captured(url: str, key: str) -> list[UUID]:
    with httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        made = [
            client.post("/v1/prospects", json={"name": NAME, "email": f"{secrets.token_hex(8)}@example.org"})
            for _ in range(PEOPLE)
        ]
        after = {"Everlog-Min-Position": made[-1].headers["Everlog-Position"]}
        until(lambda: client.get("/v1/prospects?limit=1", headers=after).is_success, 120)
    return [UUID(each.json()["id"]) for each in made]


def carried(pair: Pair, tenant: UUID) -> list[Recorded]:
    """The log, once no file of reads that somebody was answered waits for it."""
    old = set(pair.journal.glob(f"*{SUFFIX}"))
    until(lambda: not old & set(pair.journal.glob(f"*{SUFFIX}")), 240)
    with bootstrap.product(pair.product.settings, worker=True) as product:
        log, after = list[Recorded](), 0
        while page := product.logs.of(tenant).read(after):
            log += page
            after = page[-1].position
    return log
