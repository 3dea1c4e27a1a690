"""A product whose witness was away goes on; once the witness stands, checkpoints and bundles bear its line."""

import json
import subprocess
import sys
import time

from tests.adapters.proofs.test_witness import NAME, ROOT, process

VERIFIER = ROOT / "clients" / "verifier" / "everlog_verify.py"


def verified(file, key, witness):
    asked = [sys.executable, "-I", VERIFIER, file, "--key", key, "--witness", witness, "--json"]
    done = subprocess.run(asked, capture_output=True, check=False)
    return done.returncode, json.loads(done.stdout)["witnesses"]


def test_a_witness_that_was_away_catches_up_and_bundles_are_proven_by_what_it_cosigned(
    acme, lived, witness, run, tmp_path
):
    folder, port, key = witness
    proof = acme.get("/v1/proofs/inclusion", position=1)
    file = tmp_path / "proof"
    file.write_text(json.dumps(proof))
    assert verified(file, proof["key"], key) == (1, [])
    with process(folder, keys=[proof["key"]], port=port):
        until = time.monotonic() + 120
        while acme.missing("/v1/proofs/checkpoint?cosigned=1"):
            assert time.monotonic() < until
            time.sleep(0.2)
    [state] = acme.get("/v1/proofs/witnesses")["items"]
    assert (state["witness"]["name"], state["disputed"]) == (NAME, None)
    assert 0 < state["witness"]["size"] <= state["witness"]["sealed"]
    text = acme.ask("GET", "/v1/proofs/checkpoint", params={"cosigned": 1}).text
    file.write_text(text)
    assert verified(file, proof["key"], key) == (0, [NAME])
    bundle = tmp_path / "bundle.jsonl"
    done = run("audit", "bundle", "--tenant", f"{acme.tenant}", "--cosigned", "1", "-o", f"{bundle}")
    assert done.returncode == 0, done.stderr
    head = json.loads(bundle.read_text().partition("\n")[0])
    assert head["witnesses"] == [key]
    assert verified(bundle, proof["key"], key) == (0, [NAME])
    # The control: without the witness's line nobody has seen it.
    bundle.write_text(bundle.read_text().replace(f"— {NAME} ", "— nobody "))
    assert verified(bundle, proof["key"], key) == (1, [])
