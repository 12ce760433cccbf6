"""The limits of one operation."""

from __future__ import annotations

from typing import NamedTuple

from api.limits.byte_budget import MAX_RESPONSE_BYTES


class OperationLimits(NamedTuple):
    """The tokens and the depth of the fields of a document; the units that an operation may cost; and the
    bytes of its response, or of each message of a subscription; and the seconds that it may take.
    """

    tokens: int = 2_000
    depth: int = 20
    cost: int = 10_000
    response_bytes: int = MAX_RESPONSE_BYTES
    seconds: float = 30.0
