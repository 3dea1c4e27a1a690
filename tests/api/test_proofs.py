"""What is sealed is proven over HTTP, and a program that knows nothing of ours verifies it."""

import subprocess
import sys
from pathlib import Path

import msgspec
import psycopg
import pytest

from adapters.proofs.sealer import Sealer

VERIFIER = Path(__file__).parents[2] / "clients" / "verifier" / "everlog_verify.py"


@pytest.fixture(scope="module")
def sealed(world):
    """A tenant whose events are sealed twice, and the two sizes."""
    tenant = world.tenant()
    sealer, sizes = Sealer(tenant.id, world.keeper, world.signer), []
    for _ in range(2):
        person(world, tenant)
        while sealer.seal():
            pass
        sizes.append(world.logs.of(tenant.id).head()[1])
    return tenant, sizes


def person(world, tenant):
    body = {"name": "Ada", "email": f"{len(world.tenants)}-{world.logs.of(tenant.id).head()[1]}@example.org"}
    made = world.client.post("/v1/prospects", headers=key(tenant, "Admin"), json={**body, "industry": "looms"})
    assert made.is_success, made.text


def key(tenant, role):
    return {"Authorization": f"Bearer {tenant.keys[role]}"}


def get(world, tenant, path, role="Auditor", **asked):
    return world.client.get(f"/v1/proofs/{path}", params=asked, headers=key(tenant, role))


def verified(tmp_path, content, *options):
    file = tmp_path / "proof"
    file.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-I", "-S", VERIFIER, file, "--json", *options], capture_output=True, check=False, cwd=tmp_path
    )
    return done.returncode, msgspec.json.decode(done.stdout)


def test_an_auditor_gets_a_checkpoint_and_proofs_that_a_stranger_verifies(world, sealed, tmp_path):
    tenant, (first, second) = sealed
    note = get(world, tenant, "checkpoint")
    assert note.headers["content-type"].startswith("text/plain")
    assert note.text.splitlines()[:2] == [f"everlog/{tenant.id}", str(second)]
    inclusion = get(world, tenant, "inclusion", position=first)
    consistency = get(world, tenant, "consistency", first=first)
    for each in (inclusion, consistency):
        code, told = verified(tmp_path, each.content)
        assert (code, told["verified"]) == (0, True), told
    earlier = get(world, tenant, "inclusion", position=1, size=first)
    assert (earlier.json()["size"], verified(tmp_path, earlier.content)[0]) == (first, 0)


def test_one_file_of_text_proves_an_event_to_whoever_has_the_key(world, sealed, tmp_path):
    tenant, (first, second) = sealed
    proof = get(world, tenant, "tlog-proof", position=first)
    assert proof.headers["content-type"].startswith("text/plain")
    assert proof.headers["content-disposition"].endswith(f'"event-{first}.tlog-proof"')
    assert proof.text.startswith("c2sp.org/tlog-proof@v1\nextra ")
    own = world.signer.key(tenant.id)
    code, told = verified(tmp_path, proof.content, "--key", own)
    assert (code, told["size"], told["kind"]) == (0, second, "tlog-proof"), told
    # The control: another event's entry.
    other = get(world, tenant, "tlog-proof", position=first - 1).text.splitlines()[1]
    forged = proof.text.replace(proof.text.splitlines()[1], other)
    assert verified(tmp_path, forged.encode(), "--key", own)[0] == 1
    assert get(world, tenant, "tlog-proof", position=second + 1).json()["code"] == "proofs.unsealed"
    assert get(world, tenant, "tlog-proof", position=1, cosigned=1).json()["code"] == "proofs.uncosigned"


def test_what_the_superuser_edits_is_no_longer_proven(world, migrated, tmp_path):
    tenant = world.tenant()
    while Sealer(tenant.id, world.keeper, world.signer).seal():
        pass
    assert verified(tmp_path, get(world, tenant, "inclusion", position=1).content)[0] == 0
    with psycopg.connect(migrated.addresses.superuser) as attacker:
        attacker.execute(
            "update everlog.events set body = body || ' ' where tenant_id = %s and position = 1", [tenant.id]
        )
    code, told = verified(tmp_path, get(world, tenant, "inclusion", position=1).content)
    assert (code, told["verified"]) == (1, False)


def test_what_is_not_sealed_is_said_to_be_so(world, sealed):
    tenant, (_, second) = sealed
    for path, asked in [
        ("inclusion", {"position": second + 1}),
        ("inclusion", {"position": 1, "size": second + 5}),
        ("consistency", {"first": second + 5}),
    ]:
        answer = get(world, tenant, path, **asked)
        assert (answer.status_code, answer.json()["code"]) == (404, "proofs.unsealed"), path
    fresh = world.tenant()
    assert get(world, fresh, "checkpoint").json()["code"] == "proofs.unsealed"
    assert get(world, tenant, "inclusion", position=0).status_code == 422
    assert "position" in get(world, tenant, "inclusion").json()["detail"]
    assert get(world, tenant, "checkpoint", role="Member").status_code == 403
