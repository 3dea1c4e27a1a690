"""Two regions, two installations, two databases, one address: an organisation lives in one of them, and moves."""

import json
import subprocess
from contextlib import contextmanager
from uuid import uuid4

import httpx2
import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.served import EVERLOG, answered, everlog, served
from tests.waiting import until

SECRET = "an-example-of-a-secret-that-routers-and-cells-share"


@contextmanager
def routing(folder, cells):
    """A router as a process; its address."""
    (folder / "secret").write_text(SECRET)
    words = [word for name, url in cells.items() for word in ("--cell", f"{name}={url}")]
    command = [*EVERLOG, "router", *words, "--secret", str(folder / "secret"), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.terminate()


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cells")
    more = {"EVERLOG_ROUTER_SECRET": SECRET}
    with (
        served(folder / "eu", EVERLOG_REGION="eu", **more) as eu,
        served(folder / "us", EVERLOG_REGION="us", **more) as us,
    ):
        yield {"eu": eu, "us": us}


@pytest.fixture(scope="module")
def url(cells, tmp_path_factory):
    with routing(tmp_path_factory.mktemp("router"), {name: each.url for name, each in cells.items()}) as url:
        yield url


class Org:
    def __init__(self, cell, url, region):
        made = answered(("tenants", "create", "Acme", "--region", region), cell.environment)
        self.id, self.key, self.url = made["tenant"], made["key"], url

    def ask(self, method, path, **named):
        bearer = {"Authorization": f"Bearer {self.key}", **named.pop("headers", {})}
        return httpx2.request(method, f"{self.url}{path}", headers=bearer, timeout=60, **named)

    def capture(self):
        body = {"name": "Ada", "email": f"{uuid4()}@example.org"}
        return self.ask("POST", "/v1/prospects", json=body)


@pytest.mark.long
def test_each_organisation_lives_in_its_region(cells, url):
    eu, us = Org(cells["eu"], url, "eu"), Org(cells["us"], url, "us")
    for org, home, other in ((eu, "eu", "us"), (us, "us", "eu")):
        assert org.capture().status_code == 201
        bearer = {"Authorization": f"Bearer {org.key}"}
        assert httpx2.get(f"{cells[home].url}/v1/prospects", headers=bearer, timeout=60).status_code == 200
        # The control: nothing of it is in the other cell.
        assert httpx2.get(f"{cells[other].url}/v1/prospects", headers=bearer, timeout=60).status_code == 401


@pytest.mark.long
def test_no_organisation_is_created_in_another_region(cells):
    refused = everlog(("tenants", "create", "Acme", "--region", "us"), cells["eu"].environment)
    assert (refused.returncode, "the cell of eu, not of us" in refused.stderr) == (1, True)


@pytest.mark.long
def test_the_live_stream_comes_through_the_router(cells, url):
    org = Org(cells["eu"], url, "eu")
    protocols = [Subprotocol("everlog"), Subprotocol(f"everlog.bearer.{org.key}")]
    live = f"{url.replace('http', 'ws', 1)}/v1/events/live"
    with connect(live, subprotocols=protocols, open_timeout=60) as connection:
        org.capture()
        seen = ""
        while "prospects.captured" not in seen:
            seen += str(connection.recv(timeout=60))


@pytest.mark.long
def test_an_organisation_moves_only_where_that_is_meant_and_is_never_in_two(cells, url, tmp_path):
    org = Org(cells["eu"], url, "eu")
    org.capture()
    names = {name: answered(("tenants", "identity"), each.environment)["identity"] for name, each in cells.items()}
    parcel = tmp_path / "parcel"
    leave = ("tenants", "export", org.id, "--to", names["us"], "-o", str(parcel), "--leave")
    answered(leave, cells["eu"].environment)
    # On the way it is read where it was, and changed nowhere.
    until(lambda: org.capture().json().get("code") == "tenancy.closed")
    assert org.ask("GET", "/v1/prospects").status_code == 200
    arrive = ("tenants", "import", str(parcel), "--from", names["eu"])
    refused = everlog(arrive, cells["us"].environment)
    assert (refused.returncode, "data stay in eu" in refused.stderr) == (1, True)
    assert org.capture().json()["code"] == "tenancy.closed"
    answered((*arrive, "--relocate"), cells["us"].environment)
    made = until(lambda: (answer := org.capture()).status_code == 201 and answer)
    position = made.headers["Everlog-Position"]
    assert org.ask("GET", "/v1/prospects", headers={"Everlog-Min-Position": position}).status_code == 200
    tags = [each["type"] for each in org.ask("GET", "/v1/audit?capability=tenancy").json()["items"]]
    assert "tenancy.resides" in tags
    # Somebody takes the old copy up again: from then on nobody is answered, whichever the router would meet first.
    answered(("tenants", "reopen", org.id), cells["eu"].environment)
    until(lambda: org.ask("GET", "/v1/prospects").json().get("code") == "cells.disputed")
    assert org.capture().status_code == 503


@pytest.mark.long
def test_a_region_that_is_down_is_down_for_its_own_alone(cells, url):
    eu, us = Org(cells["eu"], url, "eu"), Org(cells["us"], url, "us")
    cells["us"].stop()
    try:
        assert eu.capture().status_code == 201
        gone = until(lambda: (answer := us.capture()).status_code == 503 and answer)
        assert json.loads(gone.text)["code"] == "cells.away"
    finally:
        cells["us"].start()
    until(lambda: us.capture().status_code == 201)
