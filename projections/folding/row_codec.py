"""Rows as folds see them and as MongoDB stores them; what a fold returns is checked on the way. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cache
from inspect import iscoroutine
from itertools import repeat
from operator import itemgetter
from typing import Any, NamedTuple, cast

from domain.kernel.errors import UnfitValue
from domain.kernel.types.annotations import (
    FieldType,
    Kind,
    ListOf,
    MapOf,
    OneOf,
    OptionalOf,
    RecordOf,
    Scalar,
    TupleOf,
    record_type,
)
from projections.folding.field_values import Convert, can_change, check, read, write
from projections.storage.rows import META, Row, fields

NO_FIELDS: Mapping[str, Any] = {}
"""The fields of a row that is not there."""


class WrongRow(Exception):
    """What a fold returned is no row of its view; the text says why, without anything that the row holds."""


Values = Mapping[str, Any]
"""The fields of a row, as folds are given them. Nobody changes them in place."""


class _Column(NamedTuple):
    """A field of a row.

    Values of the class `plain`, a text, a boolean or an Enum, need no check beyond that (a text if it is
    ASCII), nor does None where the field `allows_none`.
    """

    name: str
    plain: Any
    allows_none: bool
    check: Convert
    write: Convert | None
    may_be_absent: bool


class RowCodec:
    """Reads, checks and writes the rows of one class.

    A row may come from older code, whose rows have other fields: what an event leaves as it was is not
    checked.
    """

    def __init__(self, row: type) -> None:
        self.record = record_type(row)
        columns = self.record.fields.items()
        self._columns = [
            _Column(
                name,
                _plain(one.type),
                isinstance(one.type, OptionalOf),
                check(one.type),
                write(one.type),
                one.may_be_absent,
            )
            for name, one in columns
        ]
        self._names = tuple(self.record.fields)
        self._known = META.union(self._names)
        self._reads = [(name, reading) for name, one in columns if (reading := read(one.type)) is not None]
        self._writes = [(one.name, one.write) for one in self._columns if one.write is not None]
        changing = [(name, read(one.type), write(one.type)) for name, one in columns if can_change(one.type)]
        self._copies = [
            (name, reading, writing) for name, reading, writing in changing if reading and writing
        ]
        # With one name more, since of a single one it gives no tuple.
        self._values_of = itemgetter(*self._names, "id")

    def read(self, stored: Row) -> Values:
        """The fields of a row from its document."""
        try:
            values = dict(zip(self._names, self._values_of(stored), strict=False))
            values = values if stored.keys() <= self._known else fields(stored)
        except KeyError:
            values = fields(stored)
        for name, reading in self._reads:
            try:
                values[name] = reading(values[name])
            except (KeyError, TypeError, ValueError, UnfitValue):
                continue
        return values

    def write(self, values: Values) -> dict[str, Any]:
        """The fields of a row as they are stored."""
        stored = dict(values)
        for name, writing in self._writes:
            try:
                stored[name] = writing(stored[name])
            except (KeyError, AttributeError, UnfitValue):
                # It was read so, and not changed since.
                continue
        return stored

    def copy(self, values: Values) -> dict[str, Any]:
        """The fields for a fold: what it changes in them changes nothing else."""
        copied = dict(values)
        for name, reading, writing in self._copies:
            if name in copied:
                copied[name] = reading(writing(copied[name]))
        return copied

    def take(self, id: str, before: Values | None, after: Any) -> Values:
        """The fields of the row of this id that a fold returned; `before` itself where none changed.

        Raises WrongRow.
        """
        if type(after) is not dict and not isinstance(after, Mapping):
            raise self._no_row(after)
        if after.get("id") != id:
            raise WrongRow(
                "a row with another id: it must have the id that it was called with, 'id': id"
                if "id" in after
                else "a row without its id: it must have 'id': id"
            )
        if before is None:
            before = NO_FIELDS
        try:
            new: tuple[Any, ...] = self._values_of(after)
            old: Iterable[Any] = self._values_of(before) if before else repeat(_ABSENT)
        except KeyError:
            return self._take_some(before, after)
        if len(after) > len(self._columns):
            self._check_unknown(before, after)
        changed: dict[str, Any] = {}
        for column, value, was in zip(self._columns, new, old, strict=False):
            if value is was:
                continue
            name, plain, allows_none, _, _, _ = column
            if value is None and allows_none:
                changed[name] = None
            elif type(value) is plain and (plain is not str or value.isascii()):
                if value != was:
                    changed[name] = value
            elif (checked := self._checked(column, value, was)) is not was:
                changed[name] = checked
        return {**before, **changed} if changed else before

    def _take_some(self, before: Values, after: Values) -> Values:
        """As `take`, for a row that lacks fields, as one of older code or one with optional fields does."""
        absent = [column for column in self._columns if column.name not in after]
        missing = [one.name for one in absent if not one.may_be_absent and (not before or one.name in before)]
        if missing:
            name = self.record.python.__name__
            raise WrongRow(
                f"a row without {', '.join(missing)}: it must have all fields of {name}, so start from "
                "{**row, ...}"
            )
        self._check_unknown(before, after)
        values = dict(before)
        changed = False
        for column in self._columns:
            was, value = before.get(column.name, _ABSENT), after.get(column.name, _ABSENT)
            if value is _ABSENT:
                changed = values.pop(column.name, _ABSENT) is not _ABSENT or changed
            elif value is not was and (value := self._checked(column, value, was)) is not was:
                values[column.name], changed = value, True
        return values if changed else before

    def _checked(self, column: _Column, value: Any, was: Any) -> Any:
        """The value as it is kept, `was` itself where it is the same. Raises WrongRow."""
        try:
            value = column.check(value)
            # Decimals may be equal and yet be stored with other digits.
            same = value == was and (column.write is None or column.write(value) == column.write(was))
        except UnfitValue as error:
            place = self._place((column.name, *error.path))
            raise WrongRow(f"a row that does not fit: {place}: {error.reason}") from None
        return was if same else value

    def _check_unknown(self, old: Values, after: Values) -> None:
        unknown = [name for name in after if name not in self.record.fields]
        if any(name not in old or old[name] is not after[name] for name in unknown):
            known = ", ".join(self.record.fields)
            # What they are called may come out of the event.
            raise WrongRow(
                f"a row with fields that {self.record.python.__name__} does not declare: it has {known}"
            )

    def _no_row(self, returned: Any) -> WrongRow:
        if iscoroutine(returned):
            returned.close()
            return WrongRow("a coroutine: write `def`, not `async def`")
        return WrongRow(
            f"a value of class {type(returned).__name__}: it must be a {self.record.python.__name__}, or "
            "None where the row is gone"
        )

    def _place(self, path: tuple[str | int, ...]) -> str:
        """Where in the row a value is. Keys of dicts are data, and are left out."""
        place, at = "", cast(FieldType | None, self.record)
        for step in path:
            if isinstance(at, OptionalOf):
                at = at.inner
            records = at.members if isinstance(at, OneOf) else (at,)
            declared = (one.fields.get(str(step)) for one in records if isinstance(one, RecordOf))
            if field := next(declared, None):
                place, at = f"{place}.{step}", field.type
            elif isinstance(at, ListOf | TupleOf) and isinstance(step, int):
                place, at = f"{place}[{step}]", at.item if isinstance(at, ListOf) else at.items[step]
            else:
                place, at = f"{place}[…]", at.value if isinstance(at, MapOf) else None
        return place.removeprefix(".")


_ABSENT = object()
"""Stands for the value of a field that is not there."""


def _plain(declared: FieldType) -> Any:
    """The class of values that need no check: texts without choices, booleans, members of an Enum."""
    if isinstance(declared, OptionalOf):
        declared = declared.inner
    if not isinstance(declared, Scalar):
        return None
    if declared.choices is None:
        return {Kind.TEXT: str, Kind.BOOLEAN: bool}.get(declared.kind)
    python = declared.python
    return python if issubclass(python, Enum) and len(python) == len(declared.choices) else None


@cache
def row_codec(row: Any) -> RowCodec:
    """The codec of a class of rows."""
    return RowCodec(row)
