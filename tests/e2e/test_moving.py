"""An organisation that has lived here goes on in another installation: the same rows, the same predictions again."""

from uuid import UUID

import httpx2
import pytest

from api.demo import figures
from api.demo.applications import applications, commands
from api.demo.client import Client
from tests.served import answered, everlog, served

APPLICATIONS = 130


@pytest.fixture
def there(tmp_path):
    with served(tmp_path / "there") as product:
        yield product


def rows(client, path, **more):
    return client.get(path, limit=200, **more)["items"]


@pytest.mark.long
def test_an_organisation_moves(house, there, ask, run, tmp_path):
    made = ask("tenants", "create", "Moving")
    before = Client(house.url, UUID(made["tenant"]), made["key"])
    for _ in before.send(commands(before.tenant, applications()[:APPLICATIONS])):
        pass
    figures.predicted(before, APPLICATIONS)
    sender, receiver = ask("tenants", "identity")["identity"], answered(("tenants", "identity"), there.environment)
    first, second = tmp_path / "first", tmp_path / "second"
    to = ("--to", receiver["identity"])
    done = ask("tenants", "export", made["tenant"], *to, "-o", str(first))
    arriving = ("--from", sender)
    answered(("tenants", "import", str(first), *arriving), there.environment)
    # Life goes on here meanwhile, and nothing of it is lost.
    before.ask("POST", "/v1/prospects", json={"name": "Late", "email": "late@example.org", "industry": "looms"})
    last = ask("tenants", "export", made["tenant"], *to, "-o", str(second), "--after", str(done["upto"]), "--leave")
    refused = httpx2.post(
        f"{house.url}/v1/prospects",
        headers={"Authorization": f"Bearer {made['key']}"},
        json={"name": "Too late", "email": "too@example.org", "industry": "looms"},
    )
    assert (refused.status_code, refused.json()["code"]) == (503, "tenancy.closed")
    came = answered(("tenants", "import", str(second), *arriving), there.environment)
    assert (came["upto"], came["here"]) == (last["upto"], True)
    after = Client(there.url, UUID(made["tenant"]), made["key"])
    figures.predicted(after, APPLICATIONS)
    for path in ("/v1/prospects", "/v1/predictions"):
        assert rows(after, path) == rows(before, path), path
    assert after.get("/v1/funnel") == before.get("/v1/funnel")
    prediction = rows(after, "/v1/predictions")[0]["id"]
    again = answered(("predictions", "recompute", prediction, "--tenant", made["tenant"]), there.environment)
    assert again["verdict"] == "equal"
    after.ask("POST", "/v1/prospects", json={"name": "New", "email": "new@example.org", "industry": "looms"})
    twice = everlog(["tenants", "import", str(second), *arriving], there.environment)
    assert (twice.returncode, "is here already" in twice.stderr) == (1, True)
    assert run("tenants", "export", made["tenant"], *to, "-o", str(tmp_path / "third"), "--leave").returncode == 1
