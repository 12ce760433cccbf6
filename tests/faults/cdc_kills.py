"""A foreign collection under random writes, while its capture and MongoDB are killed: the view equals it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal

from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import PyMongoError
from rich.table import Table

from api.cdc.capture_states import CAPTURES
from api.cdc.change_reader import token_time
from api.cdc.document_changes import OPERATIONS, read_change
from api.cdc.extended_json import FOREIGN_CODEC
from api.cdc.foreign_collection import time_after
from api.devserver.child import ChildProcess
from api.lifecycle import open_runtime
from projections.querying.pages import ListQuery
from projections.querying.queries import ViewReader
from tests.faults.deployment import PATIENCE, Deployment
from tests.helpers.capture_rig import Contents, contents_of, key_text
from tests.helpers.row_scopes import ALL_ROWS
from tests.helpers.servers import eventually

Victim = Literal["nerve cdc", "mongod"]

FOREIGN, ORDERS = "shop", "orders"
SOURCE = f"{FOREIGN}.{ORDERS}"
VIEW = "foreign_documents"
PAGE = 200


@dataclass(frozen=True)
class Size:
    """How large a trial is; `pause` are the seconds between two writes."""

    documents: int
    writes: int
    kills: int
    mongod_kills: int
    pause: float


@dataclass
class Outcome:
    """What came of it: what was written and recorded, and all that was wrong."""

    strikes: Counter[Victim] = field(default_factory=Counter)
    writes: int = 0
    changes: int = 0
    recorded: int = 0
    documents: int = 0
    seconds: float = 0.0
    wrongs: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """For a person to read."""
        struck = ", ".join(f"{count} of {victim}" for victim, count in sorted(self.strikes.items()))
        table = Table(
            "what",
            "number",
            title=f"change data capture: {self.strikes.total()} kills -9 in {self.seconds:.0f} s: {struck}",
            caption=f"{len(self.wrongs):,} wrongs",
        )
        table.add_row("random writes", f"{self.writes:,}")
        table.add_row("changes that the foreign server reports", f"{self.changes:,}")
        table.add_row("changes that are recorded, each once", f"{self.recorded:,}")
        table.add_row("documents in the collection and in the view", f"{self.documents:,}")
        return table


class _Writer(threading.Thread):
    """Makes random writes, each again until the server has answered."""

    def __init__(self, orders: Collection[dict[str, Any]], size: Size) -> None:
        super().__init__(daemon=True)
        self._orders = orders
        self._size = size
        self._chance = Random(size.writes)
        self.count = 0

    def run(self) -> None:
        while self.count < self._size.writes:
            try:
                self._write()
            except PyMongoError:
                time.sleep(0.05)
                continue
            self.count += 1
            time.sleep(self._size.pause)

    def _write(self) -> None:
        chance, orders = self._chance, self._orders
        which = {"_id": chance.randrange(self._size.documents)}
        match chance.randrange(5):
            case 0:
                orders.update_one(
                    which, {"$inc": {"total": 1}, "$set": {f"lines.{self.count % 3}": self.count}}
                )
            case 1:
                orders.update_one(which, {"$unset": {"lines": 1}, "$inc": {"total": 1}})
            case 2:
                orders.replace_one(which, {"total": self.count, "replaced": True}, upsert=True)
            case 3:
                orders.update_one(which, {"$inc": {"total": 1}}, upsert=True)
            case _:
                orders.delete_one(which)


class CdcKills:
    """A capture of one collection, whose process and whose servers' mongod are killed."""

    def __init__(self, folder: Path, size: Size) -> None:
        self._size = size
        self._chance = Random(size.kills)
        self._deployment = Deployment(folder)
        self._deployment.environment["NERVE_CONTEXTS"] = f"projections.views.{VIEW}"
        self._deployment.environment["NERVE_CDC_URL"] = self._deployment.mongod.url
        self._running: ChildProcess | None = None
        self.outcome = Outcome()

    def run(self, struck: Callable[[], None] = lambda: None) -> Outcome:
        """Write, kill in turn, wait until all changes are recorded, and compare."""
        began = time.monotonic()
        try:
            with MongoClient[dict[str, Any]](self._deployment.mongod.url) as client:
                orders = client[FOREIGN][ORDERS]
                orders.insert_many({"_id": n, "total": 0} for n in range(self._size.documents))
                self._deployment.worker()
                writer = _Writer(orders, self._size)
                writer.start()
                self._strike(writer, struck)
                writer.join(PATIENCE + 2 * self._size.writes * max(self._size.pause, 0.01))
                assert not writer.is_alive(), "writes do not end"
                self.outcome.writes = writer.count
                self._catch_up()
                asyncio.run(self._judge(orders))
        finally:
            self._deployment.end()
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def _capture(self, *options: str) -> ChildProcess:
        collection = ("--database", FOREIGN, "--collection", ORDERS)
        return self._deployment.start("api.cli", "cdc", *collection, *options)

    def _strike(self, writer: _Writer, struck: Callable[[], None]) -> None:
        """Kill, at instants spread over the writes."""
        victims: list[Victim] = ["nerve cdc"] * self._size.kills
        victims += ["mongod"] * self._size.mongod_kills
        self._chance.shuffle(victims)
        instants = sorted(self._chance.sample(range(self._size.writes), len(victims)))
        self._running = self._capture()
        for victim, instant in zip(victims, instants, strict=True):
            eventually(lambda instant=instant: writer.count >= instant, 10 * PATIENCE, 0.01)  # type: ignore[misc]
            self.outcome.strikes[victim] += 1
            if victim == "mongod":
                self._deployment.mongod.kill()
                self._deployment.mongod.start()
            else:
                self._running.kill()
            if self._running.exit_code is not None:
                self._running = self._capture()
            struck()

    def _catch_up(self) -> None:
        """End the capture that runs, and have another one record what is left."""
        assert self._running is not None
        self._running.kill()
        last = self._capture("--until-caught-up")
        eventually(lambda: last.exit_code is not None, 5 * PATIENCE)
        if last.exit_code:
            self.outcome.wrongs.append(f"the last capture failed: {self._deployment.said(last)[-500:]}")

    async def _judge(self, orders: Collection[dict[str, Any]]) -> None:
        contents = contents_of(orders)
        async with open_runtime(self._deployment.settings()) as nerve:
            reader = nerve.readers[VIEW]
            await reader.wait_for(await nerve.log.head(), PATIENCE)
            self._compare(await _rows(reader), contents)
        self.outcome.documents = len(contents)
        log = orders.database.client[self._deployment.database]
        self._compare_ids(_reported(orders, log[CAPTURES]), _recorded(log["log"]))

    def _compare(self, rows: Contents, contents: Contents) -> None:
        for key in sorted(rows.keys() | contents.keys()):
            if rows.get(key) != contents.get(key):
                self.outcome.wrongs.append(f"{key} is {contents.get(key)}, and its row {rows.get(key)}")

    def _compare_ids(self, reported: Iterable[str], recorded: Iterable[str]) -> None:
        expected, stored = Counter(reported), Counter(recorded)
        self.outcome.changes, self.outcome.recorded = expected.total(), stored.total()
        doubled = [name for name, count in stored.items() if count > 1]
        self.outcome.wrongs += [f"{name} is recorded {stored[name]} times" for name in doubled]
        self.outcome.wrongs += [f"{name} is not recorded" for name in expected.keys() - stored.keys()]
        self.outcome.wrongs += [f"{name} is no change" for name in stored.keys() - expected.keys()]


async def _rows(reader: ViewReader) -> Contents:
    """Return all rows of the view: documents by the texts of their keys."""
    rows: Contents = {}
    page = await reader.page(ALL_ROWS, ListQuery(size=PAGE))
    while page.rows:
        rows |= {key_text(row["key"]): row["document"] for row in page.rows}
        page = await reader.page(ALL_ROWS, ListQuery(size=PAGE, after=page.cursor(page.rows[-1])))
    return rows


def _reported(orders: Collection[dict[str, Any]], captures: Collection[dict[str, Any]]) -> list[str]:
    """Return the command ids of all changes since the capture began, as MongoDB reports them."""
    (capture,) = captures.find()
    ids: list[str] = []
    end = orders.database.command("ping")["operationTime"]
    watched = orders.with_options(codec_options=FOREIGN_CODEC)
    with watched.watch(start_at_operation_time=time_after(capture["start"]), max_await_time_ms=200) as stream:
        while (event := stream.try_next()) or token_time(stream.resume_token or {}) < end:
            if event is not None and event["operationType"] in OPERATIONS:
                ids.append(str(read_change(SOURCE, event).command_id))
    return ids


def _recorded(log: Collection[dict[str, Any]]) -> list[str]:
    """Return the ids of all commands that record a change, as the log has them."""
    commits = log.find({"command.id": {"$regex": "^cdc:"}}, {"command.id": 1})
    return [commit["command"]["id"] for commit in commits]
