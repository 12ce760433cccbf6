"""The limits of one operation."""

from __future__ import annotations

from typing import NamedTuple


class OperationLimits(NamedTuple):
    """The tokens and the depth of the fields of a document, and the units that an operation may cost."""

    tokens: int = 2_000
    depth: int = 20
    cost: int = 10_000
