"""The activities of one process log on disk, in the order of their times."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

import orjson

from api.fleet.activity import LoggedActivity
from api.fleet.scratch_database import ScratchDatabase
from api.transfer.rows import RefusedRow

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

_TABLES = (
    """CREATE TABLE activity (
        number INTEGER PRIMARY KEY, time INTEGER, begin INTEGER, line INTEGER, case_name TEXT, name TEXT,
        instance TEXT, resource TEXT, transition TEXT, case_start INTEGER, case_end INTEGER, start INTEGER,
        event_id TEXT, attributes BLOB, case_attributes BLOB
    )""",
    "CREATE TABLE refused (line INTEGER, reason TEXT)",
)

_INSERT = f"INSERT INTO activity VALUES (NULL{', ?' * 14})"

_SORTING = (
    "CREATE INDEX by_time ON activity (time)",
    "CREATE INDEX by_case ON activity (case_name, time)",
    "CREATE TABLE cases (name TEXT PRIMARY KEY, begin INTEGER, size INTEGER, last INTEGER) WITHOUT ROWID",
    """INSERT INTO cases SELECT case_name, min(begin), count(*), (
        SELECT number FROM activity AS other WHERE other.case_name = activity.case_name
        ORDER BY time DESC, number DESC LIMIT 1
    ) FROM activity GROUP BY case_name""",
)

_IN_ORDER = """
SELECT activity.*, cases.begin, activity.number = cases.last
FROM activity INDEXED BY by_time CROSS JOIN cases ON cases.name = activity.case_name
ORDER BY activity.time, activity.number
"""


class CaseActivity(NamedTuple):
    """An activity, when its case begins, and whether it is the last one of its case."""

    activity: LoggedActivity
    case_begin: datetime
    is_last: bool


class Activities(Protocol):
    """Activities in the order of their times, and a database for what is derived from them."""

    @property
    def database(self) -> ScratchDatabase: ...

    def __iter__(self) -> Iterator[CaseActivity]: ...


class ActivityStore:
    """Stores the activities of a log, and the rows that are none.

    Add all rows first, and then `sort` them. Activities of the same time stay in the order of the file.
    """

    def __init__(self) -> None:
        self.database = ScratchDatabase()
        self.count = 0
        self._execute = self.database.execute
        for statement in _TABLES:
            self._execute(statement)

    def add(self, row: LoggedActivity | RefusedRow) -> None:
        """Store an activity, or a row that is none."""
        self.count += 1
        if isinstance(row, RefusedRow):
            self._execute("INSERT INTO refused VALUES (?, ?)", row)
        else:
            self._execute(_INSERT, _to_columns(row))

    def sort(self) -> None:
        """Make the activities readable in the order of their times."""
        for statement in _SORTING:
            self._execute(statement)

    def refused(self) -> Iterator[RefusedRow]:
        """Yield the rows that are no activities, in the order of the file."""
        for line, reason in self.database.select("SELECT line, reason FROM refused ORDER BY rowid"):
            yield RefusedRow(line, reason)

    def cases(self) -> Iterator[tuple[str, int]]:
        """Yield the name and the number of activities of each case."""
        yield from self.database.select("SELECT name, size FROM cases")

    def __iter__(self) -> Iterator[CaseActivity]:
        for _, time, _, *columns, begin, is_last in self.database.select(_IN_ORDER):
            yield CaseActivity(_to_activity(time, columns), _to_time(begin), bool(is_last))


@dataclass(frozen=True, slots=True)
class ActivitiesOfCases:
    """The activities of some cases of a log."""

    store: ActivityStore
    cases: Container[str]

    @property
    def database(self) -> ScratchDatabase:
        return self.store.database

    def __iter__(self) -> Iterator[CaseActivity]:
        return (entry for entry in self.store if entry.activity.case in self.cases)


def _to_columns(activity: LoggedActivity) -> tuple[Any, ...]:
    return (
        _to_microseconds(activity.time),
        _to_microseconds(activity.begin),
        activity.line,
        activity.case,
        activity.name,
        activity.instance,
        activity.resource,
        activity.transition,
        _to_optional_microseconds(activity.case_start),
        _to_optional_microseconds(activity.case_end),
        _to_optional_microseconds(activity.start),
        activity.event_id,
        orjson.dumps(activity.attributes) if activity.attributes else None,
        orjson.dumps(activity.case_attributes) if activity.case_attributes else None,
    )


def _to_activity(time: int, columns: list[Any]) -> LoggedActivity:
    (line, case, name, instance, resource, transition, case_start, case_end, start, event_id, *data) = columns
    attributes, case_attributes = data
    return LoggedActivity(
        line=line,
        case=case,
        name=name,
        instance=instance,
        resource=resource,
        transition=transition,
        time=_to_time(time),
        case_start=_to_optional_time(case_start),
        case_end=_to_optional_time(case_end),
        start=_to_optional_time(start),
        event_id=event_id,
        attributes=orjson.loads(attributes) if attributes else {},
        case_attributes=orjson.loads(case_attributes) if case_attributes else {},
    )


def _to_microseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND


def _to_optional_microseconds(time: datetime | None) -> int | None:
    return None if time is None else _to_microseconds(time)


def _to_time(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND


def _to_optional_time(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _to_time(microseconds)
