"""Which changes of a row's fields leave stored rows readable."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Any, Literal, NotRequired, TypedDict

import pytest

from projections.kernel.row_fields import row_fields, unreadable_fields
from tests.helpers.notes import view


class Level(StrEnum):
    LOW = "LOW"
    HIGH = "HIGH"


class Wider(StrEnum):
    LOW = "LOW"
    HIGH = "HIGH"
    TOP = "TOP"


class Step(TypedDict):
    name: str


class LongStep(TypedDict):
    name: str
    done: bool


class LooseStep(TypedDict):
    name: str
    done: NotRequired[bool]


class Tree(TypedDict):
    children: list[Tree]


def changed(old: Any, new: Any) -> frozenset[str]:
    """The fields that cannot be read of rows whose field `it` was of one type and is of another."""
    before, after = ({"id": str, "it": shape} for shape in (old, new))
    old_view, new_view = (
        replace(view, row=TypedDict("Row", fields), filters=(), orders=(), indexes=(), search=())  # type: ignore[operator]
        for fields in (before, after)
    )
    return unreadable_fields(new_view, row_fields(old_view))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (int, int),
        (int, int | None),
        (int, float),
        (list[int], list[int | None]),
        (list[str], frozenset[str]),
        (Level, Wider),
        (Level, str),
        (Literal["LOW"], Level),
        (LongStep, Step),
        (list[LongStep], list[Step] | None),
        (dict[str, int], dict[str, float]),
        (Tree, Tree),
    ],
)
def test_what_every_stored_value_fits_is_read(old: Any, new: Any) -> None:
    assert changed(old, new) == frozenset()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (int | None, int),
        (int, str),
        (float, int),
        (Wider, Level),
        (str, Level),
        (Step, LongStep),
        (Step, LooseStep),
        (list[Step], list[LongStep]),
        (dict[str, float], dict[str, int]),
        (tuple[int, int], tuple[int, str]),
        (str, bytes),
    ],
)
def test_what_a_stored_value_may_not_fit_is_not_read(old: Any, new: Any) -> None:
    assert changed(old, new) == {"it"}


def test_a_field_that_rows_do_not_have_is_not_read() -> None:
    stored = dict(row_fields(view))
    del stored["score"]
    assert unreadable_fields(view, stored) == {"score"}
    assert unreadable_fields(view, {**row_fields(view), "gone": "[]"}) == frozenset()
