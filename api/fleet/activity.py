"""Events of a process log: which activity was done, by whom, when, and in which case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from api.fleet.lifecycle import transition_of
from api.fleet.timestamps import read_time
from domain.kernel.errors import ValidationFailed
from domain.kernel.fields import check_json

CASE = "case:concept:name"
NAME = "concept:name"
INSTANCE = "concept:instance"
TRANSITION = "lifecycle:transition"
TIME = "time:timestamp"
START = "start_timestamp"
RESOURCE = "org:resource"
EVENT_ID = "identity:id"
CASE_START = "case:startdate"
CASE_END = "case:enddate"

REQUIRED = (CASE, NAME, TIME)
OWN_MEANING = frozenset({*REQUIRED, INSTANCE, TRANSITION, START, RESOURCE, EVENT_ID, CASE_START, CASE_END})
"""Attributes that nerve understands. It keeps all others as data."""

CASE_PREFIX = "case:"

MAX_LENGTH = 200
"""Maximum number of characters in a name, as in the commands that use it."""


class ProcessLogRow(NamedTuple):
    """The attributes of one event under their XES names; those of its case begin with ``case:``."""

    line: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LoggedActivity:
    """A valid event of a process log. `instance` separates activities of one name, if the log has it.

    `transition` is one of `lifecycle.TRANSITIONS`, or a state in the words of the log. `start` is when an
    activity began of which the log has one row for begin and end. `event_id` is the id of the row itself.
    `attributes` and `case_attributes` are data that nerve only keeps.
    """

    line: int
    case: str
    name: str
    instance: str | None
    resource: str | None
    transition: str
    time: datetime
    case_start: datetime | None
    case_end: datetime | None
    start: datetime | None = None
    event_id: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    case_attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def begin(self) -> datetime:
        """The earliest time of the row."""
        return self.start or self.time


def parse_activity(row: ProcessLogRow, transitions: Mapping[str, str] | None = None) -> LoggedActivity:
    """Return the row as an activity; `transitions` says what lifecycle values of the log stand for.

    A row without a transition is a completed activity. A time without an offset is UTC.
    Raises ValidationFailed where a value is missing or invalid.
    """
    values = {name: text for name in OWN_MEANING if (text := str(row.values.get(name, "")).strip())}
    for name in REQUIRED:
        if name not in values:
            raise ValidationFailed(f"{name} is missing")
    for name in (CASE, NAME, RESOURCE, INSTANCE, TRANSITION):
        if len(values.get(name, "")) > MAX_LENGTH:
            raise ValidationFailed(f"{name} is longer than {MAX_LENGTH} characters")
    transition = transition_of(values.get(TRANSITION, "complete"), transitions or {})
    time = _time(TIME, values[TIME])
    start = _optional_time(START, values) if transition == "complete" else None
    if start is not None and start > time:
        raise ValidationFailed(f"{START} is {values[START]!a}, which is after {TIME}, {values[TIME]!a}")
    attributes, case_attributes = _data(row.values)
    attributes |= _unused(values, time, start)
    return LoggedActivity(
        line=row.line,
        case=values[CASE],
        name=values[NAME],
        instance=values.get(INSTANCE),
        resource=values.get(RESOURCE),
        transition=transition,
        time=time,
        case_start=_optional_time(CASE_START, values),
        case_end=_optional_time(CASE_END, values),
        start=start,
        event_id=values.get(EVENT_ID),
        attributes=attributes,
        case_attributes=case_attributes,
    )


def _unused(values: Mapping[str, str], time: datetime, start: datetime | None) -> dict[str, str]:
    """Return what nerve understands, but an event has no other place for: its id, and more exact times.

    Event times have milliseconds, and only a completed activity has a start.
    """
    names = [EVENT_ID] if EVENT_ID in values else []
    if time.microsecond % 1000:
        names.append(TIME)
    if START in values and (start is None or start.microsecond % 1000):
        names.append(START)
    return {name: values[name] for name in names}


def _data(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is only kept of the event, and of its case."""
    event: dict[str, Any] = {}
    case: dict[str, Any] = {}
    for name, value in values.items():
        if name in OWN_MEANING or value == "":
            continue
        if name.startswith(CASE_PREFIX):
            case[name.removeprefix(CASE_PREFIX)] = value
        else:
            event[name] = value
    try:
        check_json(event)
        check_json(case)
    except ValueError as error:
        raise ValidationFailed(f"its data cannot be stored: it {error}") from None
    return event, case


def _optional_time(name: str, values: Mapping[str, str]) -> datetime | None:
    return _time(name, values[name]) if name in values else None


def _time(name: str, text: str) -> datetime:
    try:
        return read_time(text)
    except (ValueError, OverflowError):
        raise ValidationFailed(
            f"{name} is {text!a}, which is not a date and time of ISO 8601, such as 2024-03-01T08:00:00+01:00"
        ) from None
