"""The indexes of a view's rows: those that a view declares, and how nerve creates and removes them.

Every filter and order field has an index of its own, and every field that access depends on. A view declares
indexes over several fields, and the fields of `search`. An index is named after its fields, so a changed
declaration is another index.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from pymongo import IndexModel
from pymongo.errors import OperationFailure

from domain.kernel.errors import DeclarationError
from eventstore.mongo.driver import INDEX_NOT_FOUND, Collection, time_limit, unavailable_if_down
from projections.kernel.field_kinds import access_fields, kinds
from projections.kernel.view import View
from projections.storage.rows import BY_CHANGE, LIVE

OWN_NAMES = ("by_", "search_")
"""Prefixes of the names of indexes that come from declarations; only such indexes are removed."""

CHANGES = "changes"
SUBJECTS = IndexModel(
    [("_tenant", 1), ("_subjects", 1)],
    name="subjects",
    partialFilterExpression={"_subjects": {"$exists": True}},
)

BUILD_LIMIT = 3_600.0
"""Seconds that MongoDB may take to build indexes over existing rows."""


class RowIndex(NamedTuple):
    """An index of row fields, each with whether it descends. It ends with the id, which breaks ties."""

    keys: tuple[tuple[str, bool], ...]

    @classmethod
    def of(cls, fields: Sequence[str]) -> RowIndex:
        """Return the index that a view declares as `fields`; the id has the direction of the last field."""
        keys = tuple((field.removeprefix("-"), field.startswith("-")) for field in fields)
        return cls(keys if "id" in dict(keys) else (*keys, ("id", keys[-1][1])))

    @property
    def name(self) -> str:
        return "by_" + ",".join(self.fields)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of the index as a view declares them."""
        fields = tuple(f"-{field}" if descends else field for field, descends in self.keys)
        return fields[:-1] if len(fields) > 1 and RowIndex.of(fields[:-1]) == self else fields


@cache
def row_indexes(view: View[Any]) -> tuple[RowIndex, ...]:
    """Return the indexes that serve the view's filters, orders and rule of access."""
    single = ((field,) for field in ("id", *view.filters, *view.orders, *access_fields(view)))
    return tuple(dict.fromkeys(map(RowIndex.of, (*single, *view.indexes))))


def check_indexes(view: View[Any]) -> None:
    """Raise DeclarationError if an index cannot be created because of the kinds of its fields."""
    by_name = kinds(view)
    for index in row_indexes(view):
        names = [field for field, _ in index.keys]
        lists = [name for name in names if by_name[name].is_list]
        if len(lists) > 1 or len(set(names)) < len(names):
            raise DeclarationError(
                f"view {view.name!r}: an index must have each field once and at most one list, unlike {names}"
            )


async def create_folding_indexes(rows: Collection) -> None:
    """Create the index that folding needs. Raises Unavailable."""
    with unavailable_if_down():
        await rows.create_indexes([SUBJECTS])


async def remove_query_indexes(rows: Collection) -> None:
    """Remove the indexes that only queries need: they would slow down a rebuild.

    Raises Unavailable.
    """
    with unavailable_if_down():
        for name in await rows.index_information():
            if name.startswith(OWN_NAMES) or name == CHANGES:
                await _remove(rows, name)


async def update_query_indexes(rows: Collection, view: View[Any]) -> None:
    """Create missing indexes in one pass over the rows, and remove those that are no longer declared.

    If nothing changed this is one request. Raises Unavailable.
    """
    declared = {index.document["name"]: index for index in _models(view)}
    with unavailable_if_down(), time_limit(BUILD_LIMIT):
        present = await rows.index_information()
        obsolete = {name for name in present if name.startswith(OWN_NAMES) and name not in declared}
        # A collection has at most one text index. Other obsolete indexes serve queries until then.
        for name in (name for name in obsolete if _is_text(present[name])):
            await _remove(rows, name)
        present_keys = [_keys(index) for index in present.values()]
        missing = [
            index
            for name, index in declared.items()
            # MongoDB creates no second index of the same keys, even under another name.
            if name not in present and list(index.document["key"].items()) not in present_keys
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
        # Words are not stemmed, because rows can be in any language. By default MongoDB would use a field
        # named `language` as the language of its row.
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
        # Another worker has removed it.
        if error.code != INDEX_NOT_FOUND:
            raise
