"""A local file of what was read, on disk before the answer is given, and carried into the log from there."""

from adapters.journal.journal import Journal

__all__ = ["Journal"]
