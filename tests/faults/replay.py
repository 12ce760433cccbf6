"""The truth about views: their folds over the log, one event after the other, and nothing else of nerve's."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bson
import orjson

from domain.kernel import Commit
from eventstore.mongo.driver import CODEC
from projections.kernel.view import View

Fields = Mapping[str, Any]
Rows = Mapping[str, Fields]
"""Rows' own fields by their key; those that are gone are not among them."""


@dataclass(frozen=True)
class Sight:
    """A row that a reader was given after the view had said that it holds all up to `position`."""

    view: str
    key: str
    position: int
    stored: Fields | None

    @property
    def upto(self) -> int:
        """Where the log must be read to, to say what the reader had to see."""
        return self.position if self.stored is None else max(self.position, self.stored["_position"])


def own_fields(stored: Fields | None) -> Fields | None:
    """The row without what nerve keeps beside it; None where it is gone."""
    if stored is None or stored["_gone"]:
        return None
    return {name: value for name, value in stored.items() if not name.startswith("_")}


def as_stored(row: Fields) -> Fields:
    """The row as it is after it has been in MongoDB."""
    return bson.decode(bson.encode(row), CODEC)


def digest(rows: Rows) -> str:
    """Equal for equal rows."""
    seen = hashlib.sha256()
    for key in sorted(rows):
        seen.update(orjson.dumps([key, rows[key]], option=orjson.OPT_SORT_KEYS, default=str))
    return seen.hexdigest()


class Replay:
    """Views folded from zero; `wrong` tells the sights that were not what the log says."""

    def __init__(self, views: Sequence[View[Any]], sights: Iterable[Sight] = ()) -> None:
        self._views = views
        self._rows: dict[str, dict[str, Any]] = {view.name: {} for view in views}
        self._due: dict[int, list[Sight]] = defaultdict(list)
        for sight in sights:
            self._due[sight.upto].append(sight)
        self.wrong: list[str] = []

    def fold(self, commit: Commit) -> None:
        """Fold the log's next commit in, and look at what was seen of the rows as they are now."""
        for view in self._views:
            if commit.info is not None and commit.info.category in view.categories:
                rows = self._rows[view.name]
                for event in commit.events:
                    for row_id in dict.fromkeys(view.key(event)):
                        key = f"{commit.info.tenant}/{row_id}"
                        rows[key] = view.apply(row_id, rows.get(key), event)
        for sight in self._due.pop(commit.position, ()):
            row, seen = self._rows[sight.view].get(sight.key), own_fields(sight.stored)
            if (None if row is None else as_stored(row)) != seen:
                self.wrong.append(f"{sight.view} {sight.key} at {sight.upto}: seen {seen}, must be {row}")

    def rows(self, view: str) -> Rows:
        """The rows that the view must hold."""
        return {key: as_stored(row) for key, row in self._rows[view].items() if row is not None}
