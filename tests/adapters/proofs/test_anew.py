"""A log read anew: sound as it was written, and each change is named with its position, beyond the first tile too."""

from uuid import uuid4

import pytest
from msgspec.structs import replace

from adapters.postgres.atom import Atom
from adapters.proofs.anew import Anew
from adapters.proofs.sealer import Sealer
from adapters.proofs.signer import Signer
from projections.proofs.found import Findings
from tests.adapters.postgres.atoms import entry

MANY = 300


@pytest.fixture
def look(tenant, keeper, committer, tmp_path):
    """A log of two checkpoints and an unsealed event; a function that tells what is found in it."""
    signer, stream = Signer(tmp_path, lambda: 1), f"tests/{uuid4()}"
    sealer, version = Sealer(tenant, keeper, signer), 0
    for many in (10, MANY - 10, 1):
        events = []
        for version in range(version + 1, version + 1 + many):  # noqa: B020 - versions go on
            event = uuid4()
            meta = f'{{"event":"{event}"}}'.encode()
            events.append(replace(entry(stream, version), event_id=event, meta=meta))
        committer.submit(tenant, Atom(events)).result(30)
        if many > 1:
            while sealer.seal():
                pass

    def look():
        findings = Findings()
        read = Anew(tenant, keeper, signer, findings).look()
        return read, [(each.kind, each.position, each.until) for each in findings.kept]

    return look


def test_what_nobody_touched_is_sound_and_the_tail_is_known_to_be_unsealed(look):
    read, found = look()
    assert found == []
    assert (read.events, read.sealed) == (MANY + 1, MANY)


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        ("update everlog.events set body = 'x' where tenant_id = %s and position = 7", ("altered", 7, None)),
        ("update everlog.events set body = 'x' where tenant_id = %s and position = 299", ("altered", 299, None)),
        ("delete from everlog.events where tenant_id = %s and position = 260", ("missing", 260, 260)),
        ("delete from everlog.events where tenant_id = %s and position = 301", ("missing", 301, 301)),
        ("delete from everlog.tiles where tenant_id = %s and index = 1", ("tile", 257, None)),
        ("update everlog.tiles set hashes = '' where tenant_id = %s and level = 1", ("tile", 1, None)),
        (
            "update everlog.seals set note = replace(note, 'sealed 2', 'sealed 1') where tenant_id = %s and size = 10",
            ("checkpoint", 10, None),
        ),
        ("delete from everlog.seals where tenant_id = %s and size = 300", ("checkpoint", 300, None)),
        ("delete from everlog.seals where tenant_id = %s and size = 10", ("checkpoint", 10, None)),
    ],
)
def test_each_change_is_named(look, owner, tenant, sql, wanted):
    owner.execute(sql, [tenant])
    assert look()[1][:1] == [wanted]


def test_an_edit_behind_the_last_checkpoint_is_outside_the_claim(look, owner, tenant):
    owner.execute("update everlog.events set body = 'x' where tenant_id = %s and position = 301", [tenant])
    assert look()[1] == []
