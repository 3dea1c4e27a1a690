"""However long the trail is that leaves, no more than a page of it is held: neither by a command nor by the API."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from tests.adapters.supervising import ROOT
from tests.waiting import until

SPREAD = 8.0
"""MB by which the peaks of one process may differ from run to run. Thirty thousand records are more than twice that."""
# A real event's, but for who asked from where: that is sealed to the one place.
FILL = b"""insert into everlog.events
    select tenant_id, p, 'prospects/' || md5(%(tenant)s || (p / 5)::text)::uuid, p %% 5 + 1, type, gen_random_uuid(),
        recorded_at, convert_to((convert_from(meta, 'utf8')::jsonb - '*circumstances')::text, 'utf8'), body, salt,
        generation
    from everlog.events, generate_series(%(first)s::bigint, %(last)s::bigint) as p
    where tenant_id = %(tenant)s::uuid and position = %(of)s"""
# A process that was forked from a larger one counts that one's memory as a peak of its own: hence it is asked itself.
PLAIN = """
import sys
from pathlib import Path
from api import main
try:
    main.main()
finally:
    Path(sys.argv[0]).write_bytes(Path("/proc/self/status").read_bytes())
"""
KEEPING = f"""
from api.exports import taking
send = taking.Taking.send
async def keeping(self, put):
    kept = []
    async def keep(part):
        kept.append(bytes(part))
    await send(self, keep)
    await put(b"".join(kept))
taking.Taking.send = keeping
{PLAIN}"""


class Long:
    """An organisation whose trail has so many records, but for a few that the product has of itself."""

    def __init__(self, house, ask, events):
        made = ask("tenants", "create", "Long")
        self.tenant, self.key, self.house, self.events = UUID(made["tenant"]), made["key"], house, events
        bearer = {"Authorization": f"Bearer {self.key}"}
        self.client = httpx2.Client(base_url=house.url, headers=bearer, timeout=600)
        person = {"name": "Ada", "email": f"{uuid4()}@example.org", "industry": "engines"}
        id = self.client.post("/v1/prospects", json=person).raise_for_status().json()["id"]
        self.client.post(f"/v1/prospects/{id}/stage", json={"stage": "met"}).raise_for_status()
        self._fill()

    def _fill(self):
        with psycopg.connect(self.house.settings.owner, autocommit=True) as connection:
            connection.execute("select set_config('app.tenant', %s, false)", [str(self.tenant)])
            [[self.last]] = connection.execute("select position from everlog.heads").fetchall()
            last = self.last
            while last < self.events:
                upto = min(last + 100_000, self.events)
                span = {"tenant": str(self.tenant), "of": self.last, "first": last + 1, "last": upto}
                connection.execute(FILL, span)
                connection.execute("update everlog.heads set position = %s", [upto])
                last = upto

    def followed(self):
        answer = self.client.get("/v1/audit?limit=1", headers={"Everlog-Min-Position": str(self.events)})
        return answer.status_code == 200

    def written(self, file, below, program=PLAIN):
        """The manifest, and the MB that the command had at its peak."""
        words = ["audit", "export", "--tenant", str(self.tenant), "--last", str(below), "-o", str(file), "--json"]
        status = file.with_suffix(".status")
        start = f"import sys; sys.argv = [{str(status)!r}, *sys.argv[1:]]\n{program}"
        done = subprocess.run(
            [sys.executable, "-c", start, *words], env=self.house.environment, cwd=ROOT, capture_output=True, check=True
        )
        return json.loads(done.stdout), peak(status)

    def streamed(self, below):
        """The manifest, the bytes' digest, and the MB that the API had at its peak."""
        api = Path("/proc", str(self.house.children()["api"]))
        (api / "clear_refs").write_text("5")
        digest = hashlib.sha256()
        with self.client.stream("GET", f"/v1/audit/export?position_below={below + 1}") as taken:
            for part in taken.iter_bytes():
                digest.update(part)
        held = peak(api / "status")
        path = f"/v1/audit/exports/{taken.headers['Everlog-Export']}"
        return self.client.get(path).json(), digest.hexdigest(), held


def peak(status):
    """The most MB that a process ever had, since that was last cleared."""
    [found] = re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())
    return int(found) / 1024


def compared(long, few, many, tmp_path, capsys):
    # What the API loads and keeps with the first export is not what the export holds.
    long.streamed(1_000)
    peaks = {}
    for size in (few, many):
        file = tmp_path / f"{size}.ndjson"
        told, at_terminal = long.written(file, size)
        assert (told["rows"], told["whole"], told["last"]) == (size, True, size)
        assert told["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert json.loads((tmp_path / f"{size}.ndjson.manifest.json").read_text()) == told
        told, digest, over_http = long.streamed(size)
        assert (told["rows"], told["whole"], told["sha256"]) == (size, True, digest)
        peaks[size] = at_terminal, over_http
        held = f"the command held {at_terminal:,.0f} MB at its peak, the API {over_http:,.0f} MB"
        with capsys.disabled():
            print(f"\n{size:,} records, {told['size'] / 1e6:,.0f} MB: {held}")  # noqa: T201 - what is asked for
    return peaks


@pytest.fixture(scope="module")
def much(house, ask):
    long = Long(house, ask, 40_000)
    until(long.followed, 120)
    return long


def test_memory_does_not_grow_with_the_export(much, tmp_path, capsys):
    peaks = compared(much, 10_000, 40_000, tmp_path, capsys)
    for few, many in zip(*peaks.values(), strict=True):
        assert many - few < SPREAD
    # The control: the same command, but that it keeps what it writes until the end.
    _, kept = much.written(tmp_path / "kept", 40_000, KEEPING)
    assert kept - peaks[40_000][0] > SPREAD


@pytest.mark.long
def test_a_million_records_leave_in_the_memory_of_ten_thousand(house, ask, tmp_path, capsys):
    """Prints the peaks."""
    long = Long(house, ask, 1_000_000)
    until(long.followed, 3600)
    for few, many in zip(*compared(long, 10_000, 1_000_000, tmp_path, capsys).values(), strict=True):
        assert many - few < SPREAD
