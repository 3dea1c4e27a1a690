"""The product over a primary and a replica of its own, at whichever of them takes writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.clusters import PASSWORD, Cluster, broker, pair
from tests.served import Served, answered, environment


class Replicated:
    def __init__(self, primary: Cluster, replica: Cluster, product: Served) -> None:
        self.primary = primary
        self.replica = replica
        self.product = product

    def promote(self) -> Any:
        """What `everlog promote` answers."""
        named = {**self.product.environment, "EVERLOG_OWNER_URL": self.replica.url()}
        return answered(["promote"], named)


@contextmanager
def replicated(home: Path, *, started: bool = True) -> Iterator[Replicated]:
    with pair() as (primary, replica), broker(home / "nats") as nats:
        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{replica.port}"
        url = f"postgresql://everlog_app:{PASSWORD}@{hosts}/everlog?target_session_attrs=read-write&connect_timeout=2"
        named = {
            "EVERLOG_DATABASE_URL": url,
            "EVERLOG_WORKER_URL": url.replace("everlog_app", "everlog_worker"),
            "EVERLOG_REPLICA_URL": replica.url("everlog_app"),
            "EVERLOG_NATS_URL": nats,
        }
        owner = primary.url("everlog_owner")
        answered(["migrate"], environment(EVERLOG_HOME=str(home / "home"), EVERLOG_OWNER_URL=owner, **named))
        product = Served(home / "home", **named)
        try:
            if started:
                product.start()
            yield Replicated(primary, replica, product)
        finally:
            product.stop()
