"""`everlog router`: one address for several cells. Each request goes to the cell of the tenant that its key names."""

from api.router.router import Router, run

__all__ = ["Router", "run"]
