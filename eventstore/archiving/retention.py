"""Archiving in the background what has reached an age."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

from pymongo.errors import DuplicateKeyError

from domain.dispatch.ports import Clock
from domain.kernel.errors import NerveError
from eventstore.archiving.archiver import ArchiveProgress, Archiver
from eventstore.log import EventLog
from eventstore.mongo.driver import Database, unavailable_if_down
from eventstore.reading.record_times import add_clamped

logger = logging.getLogger("nerve.archive")

TURN = timedelta(minutes=10)
"""For how long one worker has the turn to archive; it gives it back when it is done."""


class Retention:
    """Archives, a full segment at a time, what is older than `age`.

    Of the workers of a log one has the turn, the others leave it alone meanwhile. Should a turn last longer
    than `TURN`, two work at once, which is a waste and no harm. `tick` is the seconds between two looks.
    """

    def __init__(
        self,
        log: EventLog,
        archiver: Archiver,
        database: Database,
        clock: Clock,
        age: timedelta,
        tick: float = 60,
    ) -> None:
        self._log = log
        self._archiver = archiver
        self._turns = database["meta"]
        self._clock = clock
        self._age = age
        self._tick = tick
        self._owner = uuid4().hex
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin in the background."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop, at whatever point: the next run goes on from there."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self.once()
            except NerveError as error:
                logger.warning("nothing is archived for now: %s", error)
            except Exception:
                logger.exception("nothing is archived for now")
            await asyncio.sleep(self._tick)

    async def once(self) -> int:
        """Archive what is due, if it is this worker's turn; how many segments that were."""
        if not await self._take_turn():
            return 0
        try:
            upto = await self._log.recorded_before(add_clamped(self._clock(), -self._age))
            return await self._archiver.run(upto, partly=False, progress=_tell)
        finally:
            await self._end_turn()

    async def _take_turn(self) -> bool:
        now = self._clock()
        mine = {"owner": self._owner, "until": now + TURN}
        try:
            with unavailable_if_down():
                await self._turns.update_one(
                    {"_id": "archiving", "until": {"$lt": now}}, {"$set": mine}, upsert=True
                )
        except DuplicateKeyError:
            return False
        return True

    async def _end_turn(self) -> None:
        with unavailable_if_down():
            await self._turns.delete_one({"_id": "archiving", "owner": self._owner})


def _tell(archived: ArchiveProgress) -> None:
    segment = archived.segment
    logger.info(
        "archived positions %d to %d in segment %d: %d bytes are %d",
        segment.first, segment.last, segment.number, segment.bytes, segment.stored_bytes,
    )  # fmt: skip
