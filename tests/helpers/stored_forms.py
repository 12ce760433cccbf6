"""Values in their stored form, as MongoDB returns it, and back."""

from __future__ import annotations

from typing import Any

import bson

from domain.kernel.types.annotations import field_type
from domain.kernel.types.stored_values import decoder, encoder
from eventstore.mongo.driver import CODEC


def stored(value: Any, annotation: Any, *, validated: bool) -> Any:
    """Return the stored form of a value, after it was encoded as BSON."""
    encode = encoder(field_type(annotation, "Test.field"), validated=validated)
    return bson.decode(bson.encode({"": value if encode is None else encode(value)}), CODEC)[""]


def read(value: Any, annotation: Any) -> Any:
    """Return the value of a stored form."""
    decode = decoder(field_type(annotation, "Test.field"))
    return value if decode is None else decode(value)
