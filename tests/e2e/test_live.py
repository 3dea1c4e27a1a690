"""What is captured is seen at once by those who follow; and the process tells of it."""

import threading
from uuid import uuid4

import httpx2
import pytest
from msgspec import Struct, json

from tests.api.stream.followers import KINDS, facts, follow


@pytest.mark.parametrize("kind", KINDS)
def test_a_captured_prospect_is_seen_by_those_who_follow(house, acme, kind):
    name, seen, following = f"Ada {uuid4()}", [], threading.Event()
    after = acme.ask("POST", "/v1/prospects", json=person("First")).headers["Everlog-Position"]

    def watch():
        with follow(kind, house, acme.key, after=before(after), capabilities="prospects") as messages:
            seen.extend(facts(messages, 1))
            following.set()
            seen.extend(facts(messages, 1))

    watching = threading.Thread(target=watch)
    watching.start()
    assert following.wait(30)
    made = acme.ask("POST", "/v1/prospects", json=person(name))
    watching.join(30)
    assert [(each["id"], each["data"]["name"]) for each in seen] == [
        (after, "First"),
        (made.headers["Everlog-Position"], name),
    ]


def test_another_organisation_sees_nothing_of_it(house, ask, acme):
    other = ask("tenants", "create", "Other")
    acme.ask("POST", "/v1/prospects", json=person("Unseen"))
    with follow("sse", house, other["key"], after="1:0", follow="false") as messages:
        seen = [each for each in messages if each["kind"] == "fact"]
    assert seen
    assert not any(each["type"].startswith("prospects.") for each in seen)


def test_every_process_logs_lines_that_a_machine_reads_and_none_names_a_person(house, acme):
    class Line(Struct):
        event: str
        service: str
        level: str

    name = f"Mallory {uuid4()}"
    acme.ask("POST", "/v1/prospects", json=person(name))
    acme.get("/v1/prospects", limit=1)
    lines = [line for line in house.told().splitlines() if line.startswith("{")]
    assert {"api", "worker"} <= {json.decode(line, type=Line).service for line in lines}
    assert name not in house.told()
    assert acme.key not in house.told()


def test_metrics_count_what_was_appended(house, acme):
    def appended():
        lines = httpx2.get(f"{house.url}/metrics").text.splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[:1] not in ("#", "")}

    before_ = appended()
    acme.ask("POST", "/v1/prospects", json=person("Counted"))
    after = appended()
    grown = {name for name, value in after.items() if value > before_.get(name, 0)}
    assert any("append" in name or "commit" in name for name in grown), sorted(grown)
    assert str(acme.tenant) not in " ".join(after)


def person(name):
    return {"name": name, "email": f"{uuid4()}@example.org", "industry": "engines"}


def before(position):
    generation, _, number = position.partition(":")
    return f"{generation}:{int(number) - 1}"
