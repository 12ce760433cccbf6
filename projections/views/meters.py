"""The view `meters`: what all processes together count, measure and label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, cast

from domain.kernel import RecordedEvent
from domain.meters import context
from domain.meters.events import Counted, Labelled, Measured
from projections.kernel.merging import (
    CounterShare,
    Rule,
    WrittenNumber,
    counted,
    latest_write,
    merged,
    pn_counter,
    united,
)
from projections.kernel.view import View

RULES: Mapping[str, Rule] = {"shares": pn_counter, "reading": latest_write, "labels": united}
"""What becomes of a field that several processes write to."""


class MeterRow(TypedDict):
    """One thing that processes count, measure and label, each in a stream of its own.

    `count` is a PN-counter: the sum of what each process, by its totals, has counted. `reading` is the last
    one by the time at which it was made. `labels` are those of all.
    """

    id: str
    name: str
    count: float
    shares: list[CounterShare]
    reading: WrittenNumber | None
    labels: list[str]


def _key(event: RecordedEvent) -> tuple[str, ...]:
    match event.payload:
        case Counted(name=name) | Measured(name=name) | Labelled(name=name):
            return (name,)
        case _:
            return ()


def _apply(id: str, row: MeterRow | None, event: RecordedEvent) -> MeterRow | None:
    row = row or MeterRow(id=id, name=id, count=0.0, shares=[], reading=None, labels=[])
    match event.payload:
        case Counted(increments=up, decrements=down):
            share = CounterShare(by=event.stream, increments=up, decrements=down)
            after = _merged(row, shares=[share])
            return {**after, "count": counted(after["shares"])}
        case Measured(value=value):
            return _merged(row, reading=WrittenNumber(value=value, at=event.time, by=event.stream))
        case Labelled(labels=labels):
            return _merged(row, labels=labels)
        case _:
            return row


def _merged(row: MeterRow, **values: Any) -> MeterRow:
    return cast(MeterRow, merged(row, RULES, **values))


view = View(
    name="meters",
    singular="meter",
    context=context,
    row=MeterRow,
    key=_key,
    apply=_apply,
    filters=("name", "count", "labels"),
    orders=("name", "count"),
    description="What several processes count, measure and label under one name, merged.",
)
