"""Captures of a foreign collection into the real log, in the process of the test."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.collection import Collection

from api.cdc.capture import CaptureProgress, CollectionCapture
from api.cdc.capture_states import CaptureStates
from api.cdc.change_recorder import ChangeRecorder
from api.cdc.extended_json import FOREIGN_CODEC, to_json
from api.cdc.foreign_collection import ForeignCollection, open_foreign_collection
from domain import foreign_documents
from domain.kernel import Catalog, RecordedEvent, Scope
from eventstore.mongo.driver import Database, open_client
from projections.views.foreign_documents import view
from tests.helpers.drivers import chosen_driver
from tests.helpers.wired_bus import Wired, wired

CATALOG = Catalog([foreign_documents.context])
SOURCE = "shop.orders"
COLLECTION = "orders"

Contents = dict[str, Any]
"""Documents in extended JSON, by the text of their keys."""


def contents_of(collection: Collection[dict[str, Any]]) -> Contents:
    """What a collection contains now."""
    documents = collection.with_options(codec_options=FOREIGN_CODEC).find()
    return {key_text(to_json(document["_id"])): to_json(document) for document in documents}


def key_text(key: Any) -> str:
    return json.dumps(key)


class CaptureRig:
    """One foreign collection and its capture; `orders` is the collection as others write to it."""

    def __init__(
        self,
        nerve: Wired,
        database: Database,
        foreign: ForeignCollection,
        orders: Collection[dict[str, Any]],
    ) -> None:
        self.nerve = nerve
        self.foreign = foreign
        self._database = database
        self.orders = orders
        self.states = CaptureStates(database, "default", SOURCE, foreign.full_name)

    def capture(
        self, on_progress: Callable[[CaptureProgress], None] = lambda progress: None
    ) -> CollectionCapture:
        """Return a new capture, as another process would make it."""
        return self.capture_of(self.foreign, on_progress)

    def capture_of(
        self,
        foreign: ForeignCollection,
        on_progress: Callable[[CaptureProgress], None] = lambda progress: None,
    ) -> CollectionCapture:
        """Return a new capture of a collection under the name of this one."""
        states = CaptureStates(self._database, "default", SOURCE, foreign.full_name)
        recorder = ChangeRecorder(self.nerve.bus, Scope(), f"mongodb:{SOURCE}")
        return CollectionCapture(foreign, SOURCE, Scope(), states, recorder, self.nerve.log, on_progress)

    async def catch_up(self, *, copy_again: bool = False) -> CaptureProgress:
        """CollectionCapture until no change is left; return what was done."""
        capture = self.capture()
        await capture.run(copy_again=copy_again, until_caught_up=True)
        return capture.progress

    async def rows(self) -> Contents:
        """What the view of the events contains."""
        rows: dict[str, Any] = {}
        for event in await self.nerve.events():
            rows[event.stream] = view.apply(event.stream, rows.get(event.stream), event)
        return {key_text(row["key"]): row["document"] for row in rows.values() if row is not None}

    def contents(self) -> Contents:
        return contents_of(self.orders)

    async def events(self) -> list[RecordedEvent]:
        return await self.nerve.events()

    async def types(self) -> list[str]:
        """The types of all events without their common beginning, in order."""
        return [event.type.removeprefix("foreign_document.") for event in await self.events()]

    async def rewind(self, start: Timestamp) -> None:
        """Forget the place in the stream, as if the process was killed before it was stored."""
        await self.states.end_copy(await self.states.begin_copy(start))


@asynccontextmanager
async def open_capture_rig(mongo_url: str, database: str, foreign_database: str) -> AsyncIterator[CaptureRig]:
    """Open a rig whose log and foreign collection are in two databases of one server."""
    async with (
        open_client(mongo_url, chosen_driver()) as client,
        wired(mongo_url, database, catalog=CATALOG) as nerve,
        open_foreign_collection(mongo_url, foreign_database, COLLECTION) as foreign,
    ):
        with MongoClient[dict[str, Any]](mongo_url) as writer:
            yield CaptureRig(nerve, client[database], foreign, writer[foreign_database][COLLECTION])
