"""Responses as bytes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from bson.decimal128 import Decimal128

from domain.kernel.rfc3339 import write_moment
from domain.kernel.types.text_forms import write_bytes, write_decimal


def encode(message: object) -> bytes:
    """JSON. Stored values that JSON has no form for are written as the scalars of the API write them.

    They are found in the data of events that this process cannot read; all else has been written by its type.
    """
    return orjson.dumps(message, default=_written, option=orjson.OPT_PASSTHROUGH_DATETIME)


def encode_to_keep(message: object) -> bytes:
    """The same as `encode` gives, of which the memory of the encoder's buffer of 4 kB is not kept as well."""
    return b"%b" % encode(message)


class LiveResult(bytes):
    """An encoded result of a subscription, and the position to resume after it, as its client sees that.

    It is a copy: the memory of the encoder's buffer of 4 kB is not kept with it.
    """

    position: str | None

    def __new__(cls, encoded: bytes, position: str | None = None) -> LiveResult:
        """Return a copy of the encoded result with its position."""
        result = super().__new__(cls, encoded)
        result.position = position
        return result


def _written(value: Any) -> str:
    match value:
        case datetime():
            return write_moment(value)
        case Decimal128():
            return write_decimal(value)
        case bytes():
            return write_bytes(value)
    raise TypeError(f"{type(value).__name__} has no place in a response")
