"""A database as a process meets it to which things happen: at its next inserts into the log, or for good."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, get_args

from bson.raw_bson import RawBSONDocument
from pymongo import WriteConcern
from pymongo.errors import AutoReconnect

from eventstore.mongo.driver import Collection, Database

Fault = Literal["fenced", "taken", "outrun", "lost", "unheard", "late", "stalled"]
"""What happens to an insert of commits.

`fenced`: a reader closes one of its positions before. `taken`: another process has one of them, as after a
failover that put the counter back. `outrun`: another process appends to the stream first. `lost`: it never
arrives. `unheard`: its reply does not. `late`: it arrives when nobody expects it any more. `stalled`: the
process stops before it for a while.
"""
FAULTS: tuple[Fault, ...] = get_args(Fault)

Documents = Sequence[RawBSONDocument]


class Others(Protocol):
    """What other processes do meanwhile."""

    async def fence(self, position: int) -> None: ...
    async def take(self, position: int, at: datetime) -> None: ...
    async def outrun(self, document: Mapping[str, Any]) -> None: ...


class ShakyDatabase:
    """One process's database. Once it is `killed`, nothing that it has not begun reaches the server."""

    def __init__(self, real: Database, others: Others) -> None:
        self.faults: deque[Fault] = deque()
        self.others = others
        self.resumed = asyncio.Event()
        self.resumed.set()
        self.late: list[tuple[Documents, bool]] = []
        self._real = real
        self._running: set[asyncio.Future[Any]] = set()
        self._killed = False

    @property
    def name(self) -> str:
        return self._real.name

    def __getitem__(self, name: str) -> Any:
        return _Shaky(self, self._real[name])

    async def run(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Make the call, unless the process is killed; one that is killed meanwhile learns of no outcome."""
        if self._killed:
            raise asyncio.CancelledError
        running = asyncio.ensure_future(call())
        self._running.add(running)
        try:
            return await asyncio.shield(running)
        finally:
            self._running.discard(running)
            if self._killed:
                raise asyncio.CancelledError

    async def kill(self) -> None:
        """What has begun ends at the server; its process never learns of it."""
        self._killed = True
        self.resumed.set()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def arrive(self) -> None:
        """What is late arrives."""
        late, self.late = self.late, []
        for documents, ordered in late:
            await asyncio.gather(
                self._real["log"].insert_many(documents, ordered=ordered), return_exceptions=True
            )


class _Shaky:
    """A collection of it: writes are subject to what happens, reads are not."""

    def __init__(self, database: ShakyDatabase, real: Collection) -> None:
        self._database = database
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def with_options(self, *, write_concern: WriteConcern) -> _Shaky:
        return _Shaky(self._database, self._real.with_options(write_concern=write_concern))

    async def update_one(self, *arguments: Any, **options: Any) -> Any:
        return await self._database.run(lambda: self._real.update_one(*arguments, **options))

    async def find_one_and_update(self, *arguments: Any, **options: Any) -> Any:
        return await self._database.run(lambda: self._real.find_one_and_update(*arguments, **options))

    async def insert_many(self, documents: Any, ordered: bool = True) -> Any:
        database = self._database
        commits = isinstance(documents[0], RawBSONDocument)
        fault = database.faults.popleft() if commits and database.faults else None
        middle = documents[len(documents) // 2]
        match fault:
            case "fenced":
                await database.others.fence(middle["_id"])
            case "taken":
                await database.others.take(middle["_id"], middle["at"])
            case "outrun":
                await database.others.outrun(middle)
            case "stalled":
                database.resumed.clear()
                await database.resumed.wait()
            case "late":
                database.late.append((documents, ordered))
        if fault in ("lost", "late"):
            raise AutoReconnect("the request was lost")
        inserted = await database.run(lambda: self._real.insert_many(documents, ordered=ordered))
        if fault == "unheard":
            raise AutoReconnect("the reply was lost")
        return inserted
