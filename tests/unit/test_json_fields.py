"""Json fields hold JSON and nothing else, also where pydantic has not looked at the value."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.kernel import Json
from domain.kernel.errors import UnfitValue
from domain.kernel.types.annotations import field_type
from domain.kernel.types.stored_values import encoder

NO_JSON = [Decimal(0), datetime(2026, 1, 1, tzinfo=UTC), UUID(int=1), b"x", (1,), {1}, {1: "x"}, object()]


@pytest.mark.parametrize("place", ["itself", "in a list", "in an object"])
@pytest.mark.parametrize("value", NO_JSON, ids=lambda value: type(value).__name__)
def test_what_is_no_json_is_refused_at_any_depth(value: Any, place: str) -> None:
    encode = encoder(field_type(Json, "Order.extra"))
    assert encode is not None
    given = {"itself": value, "in a list": [1, [value]], "in an object": {"a": {"b": value}}}[place]
    with pytest.raises(UnfitValue):
        encode(given)


def test_a_tuple_of_json_refuses_what_is_no_json() -> None:
    encode = encoder(field_type(tuple[Json, str], "Order.extra"))
    assert encode is not None
    assert encode(({"a": [1, None, True, 0.5, "x"]}, "x")) == [{"a": [1, None, True, 0.5, "x"]}, "x"]
    with pytest.raises(UnfitValue):
        encode((Decimal(0), "x"))
