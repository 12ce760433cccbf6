"""The indexes of a view's rows: what a view declares, and what nerve makes and removes.

Every filter and order field has one of its own; a view declares those over several fields, and what
`search` looks through. An index is named by what it holds, so a changed declaration is another index.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from pymongo import IndexModel
from pymongo.errors import OperationFailure

from domain.kernel.errors import DeclarationError
from eventstore.mongo.driver import INDEX_NOT_FOUND, Collection, time_limit, unavailable_if_down
from projections.kernel.field_kinds import kinds
from projections.kernel.view import View
from projections.storage.rows import BY_CHANGE, LIVE

OWN_NAMES = ("by_", "search_")
"""How the names of indexes begin that a declaration makes; only such are removed."""

CHANGES = "changes"
SUBJECTS = IndexModel(
    [("_tenant", 1), ("_subjects", 1)],
    name="subjects",
    partialFilterExpression={"_subjects": {"$exists": True}},
)

BUILD_LIMIT = 3_600.0
"""Seconds that MongoDB may take to build indexes over the rows that are there."""


class RowIndex(NamedTuple):
    """An index of row fields, each with whether it descends. It goes down to the id, which breaks ties."""

    keys: tuple[tuple[str, bool], ...]

    @classmethod
    def of(cls, fields: Sequence[str]) -> RowIndex:
        """The index that a view declares as `fields`; the id goes the way of the last one."""
        keys = tuple((field.removeprefix("-"), field.startswith("-")) for field in fields)
        return cls(keys if "id" in dict(keys) else (*keys, ("id", keys[-1][1])))

    @property
    def name(self) -> str:
        return "by_" + ",".join(self.fields)

    @property
    def fields(self) -> tuple[str, ...]:
        """As a view declares it."""
        fields = tuple(f"-{field}" if descends else field for field, descends in self.keys)
        return fields[:-1] if len(fields) > 1 and RowIndex.of(fields[:-1]) == self else fields


@cache
def row_indexes(view: View[Any]) -> tuple[RowIndex, ...]:
    """The indexes that serve the view's filters and orders."""
    single = ((field,) for field in ("id", *view.filters, *view.orders))
    return tuple(dict.fromkeys(map(RowIndex.of, (*single, *view.indexes))))


def check_indexes(view: View[Any]) -> None:
    """Raises DeclarationError where an index cannot be made of what its fields hold."""
    by_name = kinds(view)
    for index in row_indexes(view):
        names = [field for field, _ in index.keys]
        lists = [name for name in names if by_name[name].is_list]
        if len(lists) > 1 or len(set(names)) < len(names):
            raise DeclarationError(
                f"view {view.name!r}: an index has each field once and one list at most, unlike {names}"
            )


async def prepare_folding(rows: Collection) -> None:
    """Make the index that folding itself needs. Raises Unavailable."""
    with unavailable_if_down():
        await rows.create_indexes([SUBJECTS])


async def strip(rows: Collection) -> None:
    """Remove what only reading needs, until `prepare`: it would slow down who builds the rows.

    Raises Unavailable.
    """
    with unavailable_if_down():
        for name in await rows.index_information():
            if name.startswith(OWN_NAMES) or name == CHANGES:
                await _remove(rows, name)


async def prepare(rows: Collection, view: View[Any]) -> None:
    """Make the indexes that are missing, in one go over the rows, and remove those no longer declared.

    Where nothing changed this is one request. Raises Unavailable.
    """
    wanted = {index.document["name"]: index for index in _models(view)}
    with unavailable_if_down(), time_limit(BUILD_LIMIT):
        present = await rows.index_information()
        obsolete = {name for name in present if name.startswith(OWN_NAMES) and name not in wanted}
        # A collection has one text index at most; the others serve queries until what replaces them is there.
        for name in (name for name in obsolete if _is_text(present[name])):
            await _remove(rows, name)
        known = [_keys(index) for index in present.values()]
        missing = [
            index
            for name, index in wanted.items()
            # MongoDB makes no second one of the same keys, whatever it is called.
            if name not in present and list(index.document["key"].items()) not in known
        ]
        if missing:
            await rows.create_indexes(missing)
        for name in (name for name in obsolete if not _is_text(present[name])):
            await _remove(rows, name)


def _models(view: View[Any]) -> Iterator[IndexModel]:
    yield SUBJECTS
    yield IndexModel(BY_CHANGE, name=CHANGES)
    live = [(field, 1) for field in LIVE]
    for index in row_indexes(view):
        yield IndexModel([*live, *((name, -1 if down else 1) for name, down in index.keys)], name=index.name)
    if view.search:
        # Words as they are written: rows may be in any language. By default MongoDB would take a field named
        # `language` for that of its row.
        yield IndexModel(
            [*live, *((field, "text") for field in view.search)],
            name="search_" + ",".join(view.search),
            default_language="none",
            language_override="_language",
        )


def _is_text(information: Mapping[str, Any]) -> bool:
    return any(kind == "text" for _, kind in _keys(information))


def _keys(information: Mapping[str, Any]) -> list[tuple[str, Any]]:
    keys: list[tuple[str, Any]] = information["key"]
    return keys


async def _remove(rows: Collection, name: str) -> None:
    try:
        await rows.drop_index(name)
    except OperationFailure as error:
        # Another worker was faster.
        if error.code != INDEX_NOT_FOUND:
            raise
