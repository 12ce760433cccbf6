"""Responses as bytes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from domain.kernel.rfc3339 import write_moment


def encode(message: object) -> bytes:
    """JSON; a moment inside event data is written as the scalar `DateTime` is."""
    return orjson.dumps(message, default=_moment, option=orjson.OPT_PASSTHROUGH_DATETIME)


def encode_to_keep(message: object) -> bytes:
    """The same as `encode` gives, of which the memory of the encoder's buffer of 4 kB is not kept as well."""
    return b"%b" % encode(message)


class LiveResult(bytes):
    """An encoded result of a subscription, and the position to resume after it, as its client sees that.

    It is a copy: the memory of the encoder's buffer of 4 kB is not kept with it.
    """

    position: str | None = None


def _moment(value: Any) -> str:
    if isinstance(value, datetime):
        return write_moment(value)
    raise TypeError(f"{type(value).__name__} has no place in a response")
