"""The witness, which needs no database and none of the other parts."""

from adapters.proofs.witness import Reply, Unready, Witness

__all__ = ["Reply", "Unready", "Witness"]
