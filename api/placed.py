"""A file that is there once it is whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from api.settings import Unset


@contextmanager
def placed(output: Path) -> Iterator[IO[bytes]]:
    """What is written gets its name at the end of the block, readable by its owner alone; if that fails, nothing does.

    Raises `Unset` where nothing can be written there, and `OSError` where it breaks off later.
    """
    with _beside(output) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).rename(output)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _beside(output: Path) -> IO[bytes]:
    """For a rename within one file system; mkstemp makes it readable by its owner alone."""
    try:
        return NamedTemporaryFile(dir=output.parent, prefix=f".{output.name}.", delete=False)
    except OSError as problem:
        raise Unset(f"Nothing can be written in {output.parent}: {problem.strerror}.") from problem
