"""What user code did wrongly is said in plain words: class, field and reason, and no data."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, field_validator

from domain.kernel import Aggregate, ChangeCommand, Event, Json, Moment, Upcaster
from domain.kernel.context_calls import call_conflict_rule, call_decide
from domain.kernel.errors import ContextFault
from domain.kernel.event import Unreadable
from domain.kernel.faults import traceback_text
from domain.kernel.upcasting import upcast
from tests.helpers.mistakes import SECRET, Begun

PLACE = r"tests/unit/test_faults\.py:\d+"


class Speed(StrEnum):
    """A choice."""

    FAST = "fast"
    SLOW = "slow"


class Size(BaseModel):
    """A value inside of an event."""

    width: int


class LabDone(Event, type="lab.done", revision=2):
    """An event with fields of many types."""

    how: str = ""
    count: int = 0
    amount: Decimal = Decimal(0)
    when: Moment | None = None
    speed: Speed = Speed.FAST
    data: Json = None
    counts: dict[str, int] = Field(default_factory=dict)
    sizes: list[Size] = Field(default_factory=list)
    even: int = 0

    @field_validator("even")
    @classmethod
    def _is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError(SECRET)
        return value


class DoLab(ChangeCommand):
    """Does what the test says."""


@dataclass(frozen=True)
class Lab(Aggregate[DoLab, LabDone]):
    """Decides what the test says."""

    category = "lab"
    make: Callable[[], Any] = list

    def decide(self, command: DoLab, facts: Any) -> Any:
        return [self.make()]

    def evolve(self, event: LabDone) -> Lab:
        return self


def message_of(make: Callable[[], Any]) -> str:
    with pytest.raises(ContextFault) as wrong:
        call_decide(Lab(make), (LabDone,), DoLab(id="lab-1"), None)
    return str(wrong.value)


FOREIGN = re.compile(r"ValidationError|pydantic|Input should|_type\b|_parsing\b", re.IGNORECASE)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"how": 5}, "how: must be a text"),
        ({"how": 5, "zz": 1}, "how: must be a text; zz: there is no such field"),
        ({"how": None}, "how: must be a text"),
        ({SECRET: 1}, "…: there is no such field"),
        ({"count": "many"}, "count: must be an integer"),
        ({"amount": Decimal("nan")}, "amount: must be a finite number"),
        ({"when": datetime(2026, 1, 1)}, "when: must have an offset"),
        ({"speed": SECRET}, "speed: must be 'fast' or 'slow'"),
        ({"data": {1, 2}}, "data: .*JSON value"),
        ({"data": {4477: 2}}, "data.…: must be a text"),
        ({"counts": {4477: "x"}}, "counts.…: must be a text"),
        ({"counts": {SECRET: "x"}}, "counts.…: must be an integer"),
        ({"sizes": [{"width": 1}, {"width": "x"}]}, r"sizes\[1\].…: must be an integer"),
        ({"data": 2**64}, "data: must not have an integer beyond 64 bits"),
        ({"when": "0001-01-01T00:00:00+05:00"}, "when: must be a moment in the years"),
        ({"even": 1}, "even: is refused by a validator of its class"),
    ],
    ids=range(16),
)
def test_a_wrong_event_in_decide_is_named_with_field_and_reason(values: dict[str, Any], why: str) -> None:
    message = message_of(lambda: LabDone(**values))
    begin = r"Lab\.decide (made a LabDone that does not fit|returned an event that cannot be stored)"
    assert re.match(begin, message), message
    assert re.search(why, message), message
    assert re.search(PLACE, message), message
    assert not FOREIGN.search(message), message
    assert SECRET not in message
    assert "4477" not in message


@pytest.mark.parametrize("count", [2**63, -(2**63) - 1])
def test_an_integer_beyond_64_bits_is_named_with_its_field(count: int) -> None:
    message = message_of(lambda: LabDone(count=count))
    assert re.search(r"LabDone(\.| .*: )count: .*64 bits", message), message
    assert str(count) not in message


def test_a_rule_that_makes_a_wrong_value_is_named_with_field_and_reason() -> None:
    def rule(command: Any, since: Any) -> Any:
        return LabDone(how=SECRET, count="x")

    with pytest.raises(ContextFault, match=rf"made a LabDone .* at {PLACE}: count: must be an integer$"):
        call_conflict_rule(DoLab(id="lab-1"), rule, ())


def _assign(data: Any) -> Any:
    data["how"] = "x"


def _delete(data: Any) -> Any:
    del data["how"]


def _merge(data: Any) -> Any:
    data |= {"how": "x"}


MUTATIONS: list[Callable[[Any], Any]] = [
    _assign,
    _delete,
    _merge,
    lambda data: data.pop("how"),
    lambda data: data.update(how="x"),
    lambda data: data.setdefault("b", 1),
    lambda data: data.clear(),
]


def detail_of(function: Callable[[Any], Any]) -> str:
    read = upcast(LabDone, [Upcaster(LabDone.type, 1, function)], 1, {"how": SECRET})
    assert isinstance(read, Unreadable)
    assert SECRET not in read.detail
    return read.detail


@pytest.mark.parametrize("change", MUTATIONS, ids=range(len(MUTATIONS)))
def test_an_upcaster_that_changes_its_data_reads_what_to_return(change: Callable[[Any], Any]) -> None:
    said = rf"revision 1 changed read-only data at {PLACE}: return a new dict .* as in \{{\*\*data, "
    assert re.search(said, detail_of(change)), detail_of(change)


def test_an_upcaster_that_misreads_its_data_did_not_change_it() -> None:
    assert "raised AttributeError at" in detail_of(lambda data: data.how)
    assert "raised SystemExit at" in detail_of(lambda data: sys.exit(SECRET))
    assert "made a Begun that does not fit at" in detail_of(lambda data: Begun(text=5))


def test_a_place_in_a_package_is_shown_from_its_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "laboratory" / "lab"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").write_text(
        "def lift(data):\n    data['x'] = 1\n\ndef none(data):\n    return None\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    lab: Any = __import__("laboratory.lab").lab
    assert "at laboratory/lab/__init__.py:2: " in detail_of(lab.lift)
    assert "(laboratory/lab/__init__.py:4)" in detail_of(lab.none)


def test_a_traceback_has_the_lines_but_not_the_text_of_what_was_raised() -> None:
    data: Mapping[str, Any] = {}
    try:
        data[SECRET]
    except KeyError as error:
        text = traceback_text(error)
    assert re.search(r"test_faults\.py.*\n.*data\[SECRET\]", text)
    assert text.endswith("KeyError")
    assert SECRET not in text
