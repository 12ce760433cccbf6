"""Conversion of rows between folds and MongoDB, with a check of what a fold returns. Pure."""

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
"""The fields of a row that does not exist."""


class WrongRow(Exception):
    """A fold returned a value that is no row of its view; the text says why, without the row's values."""


Values = Mapping[str, Any]
"""The fields of a row as folds receive them. They are never changed in place."""


class _Column(NamedTuple):
    """A field of a row.

    Values of the class `plain` (text, boolean or an Enum) need no further check, except that a text must be
    ASCII. None needs no check if the field `allows_none`.
    """

    name: str
    plain: Any
    allows_none: bool
    check: Convert
    write: Convert | None
    may_be_absent: bool


class RowCodec:
    """Reads, checks and writes the rows of one class.

    A row may come from older code, whose rows have other fields. So a value that an event leaves unchanged is
    not checked.
    """

    def __init__(self, row: type) -> None:
        self.record = record_type(row)
        columns = self.record.fields.items()
        self._columns = [
            _Column(
                name,
                _plain_class(field.type),
                isinstance(field.type, OptionalOf),
                check(field.type),
                write(field.type),
                field.may_be_absent,
            )
            for name, field in columns
        ]
        self._names = tuple(self.record.fields)
        self._stored_names = META.union(self._names)
        self._reads = [
            (name, reading) for name, field in columns if (reading := read(field.type)) is not None
        ]
        self._writes = [(column.name, column.write) for column in self._columns if column.write is not None]
        mutable = [
            (name, read(field.type), write(field.type)) for name, field in columns if can_change(field.type)
        ]
        self._copies = [(name, reading, writing) for name, reading, writing in mutable if reading and writing]
        # One more name, because itemgetter returns no tuple for a single name.
        self._values_of = itemgetter(*self._names, "id")

    def read(self, stored: Row) -> Values:
        """Return the fields of a stored row."""
        try:
            values = dict(zip(self._names, self._values_of(stored), strict=False))
            values = values if stored.keys() <= self._stored_names else fields(stored)
        except KeyError:
            values = fields(stored)
        for name, reading in self._reads:
            try:
                values[name] = reading(values[name])
            except (KeyError, TypeError, ValueError, UnfitValue):
                continue
        return values

    def write(self, values: Values) -> dict[str, Any]:
        """Return the fields of a row as they are stored."""
        stored = dict(values)
        for name, writing in self._writes:
            try:
                stored[name] = writing(stored[name])
            except (KeyError, AttributeError, UnfitValue):
                # The value was read like this and has not changed.
                continue
        return stored

    def copy(self, values: Values) -> dict[str, Any]:
        """Return the fields for a fold, as a copy: changes to it affect no other row."""
        copied = dict(values)
        for name, reading, writing in self._copies:
            if name in copied:
                copied[name] = reading(writing(copied[name]))
        return copied

    def take(self, id: str, before: Values | None, after: Any) -> Values:
        """Return the fields of the row of this id that a fold returned; `before` itself if none changed.

        Raises WrongRow.
        """
        if type(after) is not dict and not isinstance(after, Mapping):
            raise self._wrong_class(after)
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
            return self._take_partial(before, after)
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

    def _take_partial(self, before: Values, after: Values) -> Values:
        """Do what `take` does, for a row that lacks fields: a row of older code, or with optional fields."""
        required = [column for column in self._columns if not column.may_be_absent]
        missing = [
            column.name
            for column in required
            if column.name not in after and (not before or column.name in before)
        ]
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
        """Return the checked value; `was` itself if it is the same. Raises WrongRow."""
        try:
            value = column.check(value)
            # Equal decimals can be stored with different digits.
            same = value == was and (column.write is None or column.write(value) == column.write(was))
        except UnfitValue as error:
            place = self._place((column.name, *error.path))
            raise WrongRow(f"a row that does not fit: {place}: {error.reason}") from None
        return was if same else value

    def _check_unknown(self, old: Values, after: Values) -> None:
        unknown = [name for name in after if name not in self.record.fields]
        if any(name not in old or old[name] is not after[name] for name in unknown):
            declared = ", ".join(self.record.fields)
            # The unknown names are left out, because they can be data of the event.
            raise WrongRow(
                f"a row with fields that {self.record.python.__name__} does not declare: it has {declared}"
            )

    def _wrong_class(self, returned: Any) -> WrongRow:
        if iscoroutine(returned):
            returned.close()
            return WrongRow("a coroutine: write `def`, not `async def`")
        return WrongRow(
            f"a value of class {type(returned).__name__}: it must be a {self.record.python.__name__}, or "
            "None where the row is gone"
        )

    def _place(self, path: tuple[str | int, ...]) -> str:
        """Return where in the row a value is. Keys of dicts are data, and are left out."""
        place, at = "", cast(FieldType | None, self.record)
        for step in path:
            if isinstance(at, OptionalOf):
                at = at.inner
            records = at.members if isinstance(at, OneOf) else (at,)
            declared = (record.fields.get(str(step)) for record in records if isinstance(record, RecordOf))
            if field := next(declared, None):
                place, at = f"{place}.{step}", field.type
            elif isinstance(at, ListOf | TupleOf) and isinstance(step, int):
                place, at = f"{place}[{step}]", at.item if isinstance(at, ListOf) else at.items[step]
            else:
                place, at = f"{place}[…]", at.value if isinstance(at, MapOf) else None
        return place.removeprefix(".")


_ABSENT = object()
"""The value of a field that does not exist."""


def _plain_class(declared: FieldType) -> Any:
    """Return the class of values that need no check: text without choices, boolean, or a whole Enum."""
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
    """Return the codec of a class of rows."""
    return RowCodec(row)
