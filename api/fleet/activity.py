"""Events of a process log: which activity was done, by whom, when, and in which case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from domain.kernel.errors import ValidationFailed
from domain.kernel.fields import to_moment

CASE = "case:concept:name"
NAME = "concept:name"
INSTANCE = "concept:instance"
TRANSITION = "lifecycle:transition"
TIME = "time:timestamp"
RESOURCE = "org:resource"
REQUIRED = (CASE, NAME, TIME, RESOURCE)

TRANSITIONS = ("schedule", "assign", "start", "complete", "ate_abort", "pi_abort", "withdraw")
"""The transitions of the XES lifecycle extension that exist for tasks."""

MAX_LENGTH = 200
"""Maximum number of characters in a name, as in the commands that use it."""


class ProcessLogRow(NamedTuple):
    """The attributes of one event under their XES names; those of its case begin with ``case:``."""

    line: int
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Activity:
    """A valid event of a process log. `instance` separates activities of one name, if the log has it."""

    line: int
    case: str
    name: str
    instance: str | None
    resource: str
    transition: str
    time: datetime
    case_start: datetime | None
    case_end: datetime | None


def parse_activity(row: ProcessLogRow) -> Activity:
    """Return the row as an activity.

    A row without a transition is a completed activity. A time without an offset is UTC.
    Raises ValidationFailed where a value is missing or invalid.
    """
    values = {name: text for name, raw in row.values.items() if (text := raw.strip())}
    for name in REQUIRED:
        if name not in values:
            raise ValidationFailed(f"{name} is missing")
    for name in (CASE, NAME, RESOURCE, INSTANCE):
        _check_text(name, values.get(name, ""))
    transition = values.get(TRANSITION, "complete").lower()
    if transition not in TRANSITIONS:
        raise ValidationFailed(f"{TRANSITION} is {transition!a}, which is none of {', '.join(TRANSITIONS)}")
    time = _moment(TIME, values)
    assert time is not None
    return Activity(
        line=row.line,
        case=values[CASE],
        name=values[NAME],
        instance=values.get(INSTANCE),
        resource=values[RESOURCE],
        transition=transition,
        time=time,
        case_start=_moment("case:startdate", values),
        case_end=_moment("case:enddate", values),
    )


def _check_text(name: str, text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise ValidationFailed(f"{name} is longer than {MAX_LENGTH} characters")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValidationFailed(f"{name} is not UTF-8 text: {text!a}")


def _moment(name: str, values: Mapping[str, str]) -> datetime | None:
    if name not in values:
        return None
    try:
        time = datetime.fromisoformat(values[name])
        return to_moment(time if time.tzinfo else time.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise ValidationFailed(
            f"{name} is {values[name]!a}, which is not a date and time of ISO 8601"
        ) from None
