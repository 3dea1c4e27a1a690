"""Two installations, for all tests of this folder."""

from tests.adapters.parcel.test_parcel import here, moving, there

__all__ = ["here", "moving", "there"]
