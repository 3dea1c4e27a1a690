"""Residency: a tenant lives in one cell, the database of one region, and its requests go nowhere else.

Each cell is asked what it knows of a tenant; from the answers alone follows where the tenant is, or that nobody may be
told so. Nothing here remembers: a tenant moves by leaving one cell and going on in another.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

REGION: Final = r"^[a-z][a-z0-9-]{0,30}$"
"""What a region is called, such as `eu` or `us-east-1`."""

Standing = Literal["live", "arriving", "left"]


class Claim(Struct, frozen=True):
    """What a cell that has a tenant's log says of it."""

    standing: Standing
    generation: int
    position: int
    """The log's last there."""


class Misplaced(Exception):
    """The tenant's requests go nowhere; the code says why, and is part of the API."""

    def __init__(self, code: Literal["auth.invalid", "cells.away", "cells.disputed"]) -> None:
        super().__init__(code)
        self.code = code


Answers = Mapping[str, Claim | Exception | None]
"""By cell: its claim, None where it has no log of the tenant, or why it did not answer."""


def place(answers: Answers) -> str:
    """The cell whose tenant it is. Raises `Misplaced`.

    A cell that does not answer keeps nobody from a tenant that lives in another. Where a tenant has left one cell and
    not yet gone on in another, what it left is still read.
    """
    claims = {cell: claim for cell, claim in answers.items() if isinstance(claim, Claim)}
    live = [cell for cell, claim in claims.items() if claim.standing == "live"]
    if len(live) > 1:
        raise Misplaced("cells.disputed")
    if live:
        return live[0]
    if any(isinstance(each, Exception) for each in answers.values()):
        raise Misplaced("cells.away")
    left = {cell: claim for cell, claim in claims.items() if claim.standing == "left"}
    if not left:
        # One that only arrives is nowhere yet: what a cell has of it may be a part.
        raise Misplaced("cells.away" if claims else "auth.invalid")
    return max(left, key=lambda cell: (left[cell].generation, left[cell].position))


def fits(region: str, here: str) -> bool:
    """Whether a tenant of a region may live in a cell; one without a region may live anywhere, and so any in it."""
    return not region or not here or region == here


def named(region: str) -> bool:
    return bool(re.match(REGION, region))
