"""Events that carry the data of other classes as JSON, such as the fields of a command. Pure."""

from __future__ import annotations

from pydantic import BaseModel


class DataCarrier(BaseModel):
    """Base of an event that has the fields of another class as JSON in a field of its own.

    `personal` has the subject of each personal value in it, by the path of the value, as in ``input.email``.
    The log encrypts these values as it does fields that are marked with `Personal`. They are null after an
    erasure.
    """

    personal: dict[str, str] | None = None
