"""The fields of a state are checked by their declared types before its events are stored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel

from domain.kernel import Aggregate, Context, CreateCommand, Event, Facts
from domain.kernel.errors import ContextFault
from domain.kernel.state_checks import evolve_checked
from domain.testing import NOON, given
from tests.helpers.memory_row import Row
from tests.helpers.tallies import Moved, Opened, Tally


class Tone(Enum):
    LOW = "low"


class Part(BaseModel):
    size: int


class Spot(NamedTuple):
    row: int
    seat: int


class Fill(CreateCommand):
    """Fill a box."""


class Filled(Event, type="box.filled"):
    pass


@dataclass(frozen=True, slots=True)
class Box(Aggregate[Fill, Filled]):
    category = "box"
    count: int = 0
    label: str | None = None
    price: Decimal = Decimal(0)
    full: bool = False
    tone: Tone = Tone.LOW
    at: datetime | None = None
    part: Part | None = None
    tags: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    spots: frozenset[Spot] = frozenset()
    sizes: dict[str, int] = field(default_factory=dict)
    lists: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def decide(self, command: Fill, facts: Facts) -> Sequence[Filled]:
        return [Filled()]

    def evolve(self, event: Filled) -> Box:
        after: Box = CHANGES[-1](self)
        return after


CHANGES: list[Any] = [lambda box: box]
FULL = Box(
    3, "a", Decimal("1.5"), True, Tone.LOW, NOON, Part(size=1), ("a", "b"), ["a"],
    frozenset({Spot(1, 2)}), {"a": 1}, {"a": (1,)},
)  # fmt: skip


_construct: Any = Part.model_construct
WRONG_PART = _construct(size="big")


def after(before: Box, **changes: Any) -> Any:
    CHANGES.append(lambda box: replace(box, **changes))
    try:
        return evolve_checked(before, [Filled()])
    finally:
        CHANGES.pop()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": "many"}, "Box.count: expected an integer, not a value of class str"),
        ({"count": None}, "Box.count: expected an integer"),
        ({"count": True}, "Box.count: expected an integer"),
        ({"count": 2**63}, "Box.count: an integer has 64 bits"),
        ({"label": 7}, "Box.label: expected a text"),
        ({"price": 1.5}, "Box.price: expected a Decimal"),
        ({"full": 1}, "Box.full: expected true or false"),
        ({"tone": "loud"}, "Box.tone: expected a value of Tone"),
        ({"at": datetime(2026, 1, 1)}, "Box.at: a datetime without a time zone"),
        ({"part": {"size": 1}}, "Box.part: expected a Part"),
        ({"part": WRONG_PART}, "Box.part.size: expected an integer"),
        ({"tags": ["a", "b", "c"]}, "Box.tags: expected a tuple"),
        ({"tags": ("a", "b", 7)}, r"Box.tags\[2\]: expected a text"),
        ({"tags": (*FULL.tags, 7)}, r"Box.tags\[2\]: expected a text"),
        ({"notes": ("a",)}, "Box.notes: expected a list"),
        ({"spots": {Spot(1, 2)}}, "Box.spots: expected a frozenset"),
        ({"spots": FULL.spots | {(1, 2, 3)}}, r"Box.spots: expected a Spot"),
        ({"sizes": {**FULL.sizes, "b": "x"}}, r"Box.sizes\[…\]: expected an integer"),
        ({"sizes": {"a": "x"}}, r"Box.sizes\[…\]: expected an integer"),
        ({"sizes": [("a", 1)]}, "Box.sizes: expected a dict"),
        ({"lists": {"a": (1, "x")}}, r"Box.lists\[…\]\[1\]: expected an integer"),
    ],
)
@pytest.mark.parametrize("before", [Box(), FULL])
def test_a_field_of_another_type_is_refused(changes: dict[str, Any], message: str, before: Box) -> None:
    place = r"tests/unit/test_state_checks\.py:\d+"
    expected = (
        rf"^Box\.evolve returned a state that does not fit the fields of Box for the event 'box\.filled' "
        rf"\({place}\): {message}"
    )
    with pytest.raises(ContextFault, match=expected) as fault:
        after(before, **changes)
    assert not re.search(r"many|loud|big", str(fault.value).partition("): ")[2])


@pytest.mark.parametrize("before", [Box(), FULL])
def test_values_of_the_declared_types_are_accepted(before: Box) -> None:
    changes: dict[str, Any] = {
        "count": 4, "label": None, "price": Decimal(2), "full": False, "at": None, "part": None,
        "tags": (*before.tags, "c"), "notes": [], "spots": before.spots | {Spot(3, 4)},
        "sizes": {**before.sizes, "b": 2}, "lists": {**before.lists, "a": (1, 2)},
    }  # fmt: skip
    for name, value in changes.items():
        assert getattr(after(before, **{name: value}), name) == value
    assert after(before, **changes) == replace(before, **changes)


def test_what_the_state_had_before_is_not_checked_again() -> None:
    wrongly: dict[str, Any] = {"label": 7, "tags": (1,), "sizes": {"a": "x"}}
    wrong: Any = replace(FULL, **wrongly)
    changed = after(wrong, tags=(*wrong.tags, "b"), sizes={**wrong.sizes, "b": 1}, count=9)
    assert (changed.count, changed.label) == (9, 7)


def test_the_kit_for_tests_refuses_such_a_state() -> None:
    CHANGES.append(lambda box: replace(box, count="many"))
    try:
        given(Box).when(Fill()).then_refused(ContextFault, "Box.count: expected an integer")
    finally:
        CHANGES.pop()


def test_a_state_without_fields_and_one_with_one_are_accepted() -> None:
    Context("boxes", Box)
    for kind in (_Empty, _Single):
        state: Any = kind()
        assert evolve_checked(state, [Filled()]) == state


@dataclass(frozen=True)
class _Empty(Aggregate[Fill, Filled]):
    category = "box"

    def decide(self, command: Fill, facts: Facts) -> Sequence[Filled]:
        return []

    def evolve(self, event: Filled) -> _Empty:
        return _Empty()


@dataclass(frozen=True)
class _Single(_Empty):
    count: int = 0

    def evolve(self, event: Filled) -> _Single:
        return _Single()


async def test_the_command_bus_stores_nothing_for_such_a_state(
    row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    total: dict[Any, Any] = {Opened: 0, Moved: "many"}
    monkeypatch.setattr(Tally, "evolve", lambda self, event: replace(self, total=total[type(event)]))
    (sent,) = await row.add(1)
    assert row.under_way == []
    with pytest.raises(ContextFault, match=r"Tally\.total: expected an integer"):
        await sent
