"""An epoch's key that was destroyed before its time takes what lay under it, and nothing else."""

from uuid import uuid4

import pytest

from adapters.kms import FileKMS
from adapters.log import Logs
from application.ports import SubjectErased
from domain.kernel import Erased
from domain.prospects import Noted
from tests.adapters.log.test_keys import captured, meta, named
from tests.deciders import DECIDERS


def test_after_an_epoch_was_destroyed_before_its_time_others_can_be_recorded(database, committer, tenant, tmp_path):
    with Logs(database, committer, FileKMS(tmp_path / "kms"), DECIDERS) as logs:
        logs.provision(tenant)
        gone = f"prospects/{uuid4()}"
        logs.of(tenant).submit(gone, 0, [captured()], meta()).result(10)
        number = logs.rings.of(tenant).keys.epoch
    FileKMS(tmp_path / "kms").destroy(f"{tenant}.subjects.{number}")
    with Logs(database, committer, FileKMS(tmp_path / "kms"), DECIDERS) as logs:
        log = logs.of(tenant)
        log.submit(f"prospects/{uuid4()}", 0, [captured("Bob")], meta()).result(10)
        assert [each.fact.name for each in named(log)] == [Erased(), "Bob"]
        with pytest.raises(SubjectErased):
            log.submit(gone, 1, [Noted("met")], meta()).result(10)
