"""Somebody who looks at views all the time, from outside: nothing that was there may ever go back."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from random import Random
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from eventstore.mongo.driver import CODEC
from projections.kernel.view import View
from projections.storage.rows import slots
from tests.faults.replay import Sight

ROWS = 5
"""Rows of a view at each look: of those that changed last, and of those that were seen before."""


class Onlooker(threading.Thread):
    """Reads as nerve does: what a majority has, from the primary. `backward` tells what went back.

    `positions` is how far each view was when it was last looked at, and `partitions` in how many one of them
    is; `sights` are rows that were read after a position.
    """

    def __init__(self, url: str, database: str, views: Sequence[View[Any]], every: float) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._name = database
        self._views = views
        self._every = every
        self._ended = threading.Event()
        self._chance = Random(1)
        self._highest: dict[tuple[object, ...], int] = {}
        self._keys: dict[str, list[str]] = {view.name: [] for view in views}
        self.positions: dict[str, int] = {}
        self.partitions = 0
        self.head = 0
        self.looks = 0
        self.sights: list[Sight] = []
        self.backward: list[str] = []

    def end(self) -> None:
        """Stop looking."""
        self._ended.set()
        self.join()

    def run(self) -> None:
        with MongoClient[dict[str, Any]](self._url, serverSelectionTimeoutMS=500) as client:
            database = client.get_database(
                self._name, codec_options=CODEC, read_concern=ReadConcern("majority")
            )
            while not self._ended.wait(self._every):
                try:
                    self._look(database)
                except PyMongoError:
                    # The server was killed: nothing is seen, and nothing forgotten.
                    continue
                self.looks += 1

    def _look(self, database: Any) -> None:
        last = database["log"].find_one({}, {"_id": 1}, sort=[("_id", -1)])
        self.head = last["_id"] if last else 0
        for consumer in database["consumers"].find():
            self._take(consumer["_id"], consumer)
        for view in self._views:
            consumer = database["consumers"].find_one({"_id": f"view.{view.name}"})
            if consumer is not None and consumer.get("active") is not None:
                self._read(database, view, self._take(consumer["_id"], consumer), consumer["active"])

    def _take(self, name: str, consumer: dict[str, Any]) -> int:
        """The position that readers are told."""
        for number, generation in consumer.get("generations", {}).items():
            for place, partition in generation["partitions"].items():
                for what in ("position", "epoch"):
                    self._check((name, number, place, what), partition[what])
        active = consumer.get("active")
        if active is None:
            return 0
        partitions = consumer["generations"][str(active)]["partitions"].values()
        self.partitions = len(partitions)
        position = min(partition["position"] for partition in partitions)
        self._check((name, "active"), active)
        self._check((name, "position"), position)
        self.positions[name.removeprefix("view.")] = position
        return int(position)

    def _check(self, what: tuple[object, ...], value: int) -> None:
        if value < self._highest.get(what, 0):
            self.backward.append(f"{what}: {value} after {self._highest[what]}")
        self._highest[what] = max(value, self._highest.get(what, 0))

    def _read(self, database: Any, view: View[Any], position: int, active: int) -> None:
        rows = database[slots(view)[active % len(slots(view))]]
        own = {"_generation": active}
        newest = list(rows.find(own).sort([("_position", -1)]).limit(ROWS))
        known = self._keys[view.name]
        again = self._chance.sample(known, min(ROWS, len(known)))
        found = {row["_id"]: row for row in rows.find({"_id": {"$in": again}, **own})}
        known += [row["_id"] for row in newest if row["_id"] not in known[-100:]]
        for key, row in {
            **{key: found.get(key) for key in again},
            **{one["_id"]: one for one in newest},
        }.items():
            self._check((view.name, key), 0 if row is None else row["_position"])
            # What a person has said reads otherwise once it is erased.
            if row is None or "_subjects" not in row:
                self.sights.append(Sight(view.name, key, position, row))
