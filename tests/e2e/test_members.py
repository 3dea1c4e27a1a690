"""Members from the command line, and a member's key before two API processes of which one changes their role."""

from uuid import uuid4

import httpx2
import pytest

from tests.e2e.test_command_line import answers
from tests.served import free_port, started
from tests.waiting import until


@pytest.fixture
def member(ask, acme):
    member = str(uuid4())
    assert ask("members", "add", str(acme.tenant), member, "--role", "Viewer") == {"member": member, "role": "Viewer"}
    return member


def test_an_operator_runs_members_and_is_on_record(run, ask, acme, member):
    tenant = str(acme.tenant)
    assert {"member": member, "role": "Viewer"} in ask("members", "list", tenant)["members"]
    ask("members", "role", tenant, member, "Auditor")
    assert f"{member}  Auditor" in run("members", "list", tenant).stdout.splitlines()
    assert ask("members", "remove", tenant, member) == {"removed": member}
    assert member not in run("members", "list", tenant).stdout
    asked = ("audit", tenant, "--capability", "orgs", "--actor-kind", "operator", "--q", member)
    types = ["orgs.removed", "orgs.role-changed", "orgs.joined"]
    until(lambda: [each["type"] for each in ask(*asked)] == types)


def test_what_cannot_be_is_a_plain_message(run, acme, member):
    tenant, nobody = str(acme.tenant), str(uuid4())
    for words, status, said in (
        (["members", "add", tenant, nobody, "--role", "Owner"], 2, "Owner"),
        (["members", "remove", tenant, nobody], 1, "orgs.member-unknown"),
        (["members", "add", tenant, member, "--role", "Admin"], 1, "orgs.member-exists"),
        (["api-keys", "create", tenant, "--member", nobody], 1, "orgs.member-unknown"),
        (["api-keys", "create", tenant, "--member", member, "--role", "Admin"], 1, "api_keys.whose"),
    ):
        done = run(*words)
        assert (done.returncode, "Traceback" in done.stderr) == (status, False), done
        assert said in done.stderr + done.stdout


def test_another_api_process_knows_of_a_role_that_was_changed_here(run, ask, acme, house, member):
    """By the first process, which shows the same, and by a key of the old role that is nobody's."""
    tenant, port = str(acme.tenant), free_port()
    made = ask("api-keys", "create", tenant, "--member", member)
    assert made["member"] == member
    keys = {"hers": made["key"], "control": ask("api-keys", "create", tenant, "--role", "Viewer")["key"]}

    def status(url, key="hers", path="/v1/prospects"):
        return httpx2.get(f"{url}{path}", headers={"Authorization": f"Bearer {keys[key]}"}).status_code

    beside = f"http://127.0.0.1:{port}"
    with started(["api"], house.environment | {"EVERLOG_PORT": str(port)}) as process:
        until(lambda: answers(f"{beside}/readyz"), 60)
        both = (house.url, beside)
        assert [(status(url), status(url, path="/v1/members")) for url in both] == [(200, 403)] * 2
        acme.ask("POST", f"/v1/members/{member}/role", json={"role": "Manager"})
        for url in both:
            until(lambda: status(url, path="/v1/members") == 200)  # noqa: B023 - asked before the next
        acme.ask("POST", f"/v1/members/{member}/removal", json={})
        for url in both:
            until(lambda: status(url) == 403)  # noqa: B023 - asked before the next
        assert [(status(url, "control"), status(url, "control", "/v1/members")) for url in both] == [(200, 403)] * 2
        process.terminate()
        assert process.wait(60) == 0
