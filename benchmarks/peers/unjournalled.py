"""The product's API with a journal that takes everything and keeps nothing: what reads cost where nobody asks who read.

No setting does that to the product; only a process that is started by this module has it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from api import bootstrap, http
from api import settings as configuration
from api.bootstrap import Product


class Nowhere:
    """`application.ports.Journal`."""

    async def keep(self, *_: object) -> None:
        return


@contextmanager
def nowhere(_: Product) -> Iterator[Nowhere]:
    yield Nowhere()


if __name__ == "__main__":
    bootstrap.journal = nowhere  # type: ignore[assignment] # it is this that is measured
    http.run(configuration.of_running(configuration.read()))
