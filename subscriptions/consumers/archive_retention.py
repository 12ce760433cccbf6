"""Archiving in the background of commits that have reached an age."""

from __future__ import annotations

import logging
from datetime import timedelta

from domain.dispatch.ports import Clock
from domain.kernel.errors import NerveError
from eventstore.archiving.archiver import ArchiveProgress, Archiver
from eventstore.log import EventLog
from eventstore.mongo.driver import Database
from eventstore.mongo.lease import NamedLease
from eventstore.reading.record_times import add_clamped
from subscriptions.feed.background import BackgroundLoop, Backoff

logger = logging.getLogger("nerve.archive")

LEASE_TERM = 600.0
"""Seconds for which a worker gets the lease to archive; it releases the lease when it is done."""


class Retention:
    """Archives commits that are older than `age`, by full segments.

    Of the workers of a log, the one with the lease archives. If that takes longer than `LEASE_TERM`, a second
    worker does the same work, which is wasteful but harmless. `tick` is the seconds between two looks.
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
        self._lease = NamedLease(database["meta"], "archiving", LEASE_TERM)
        self._clock = clock
        self._age = age
        self._tick = tick
        self.failure: str | None = None
        """Why this process could not archive when it last had the lease; None if it could."""
        self._loop = BackgroundLoop(
            self._run,
            "nothing is archived",
            logger,
            backoff=Backoff(cap=tick),
            expected=(NerveError,),
            on_failure=self._fail,
        )

    async def start(self) -> None:
        """Begin in the background."""
        self._loop.start()

    async def stop(self) -> None:
        """Stop at whatever point; the next run continues from there."""
        await self._loop.stop()

    async def _run(self) -> float:
        await self.once()
        return self._tick

    async def once(self) -> int:
        """Archive what has the age, unless another worker has the lease. Return the number of segments."""
        lease = await self._lease.take()
        if lease is None:
            return 0
        try:
            upto = await self._log.recorded_before(add_clamped(self._clock(), -self._age))
            segments = await self._archiver.run(upto, partly=False, progress=_log_progress)
            self.failure = None
            return segments
        finally:
            await self._lease.release(lease)

    async def _fail(self, error: Exception) -> None:
        self.failure = str(error) if isinstance(error, NerveError) else type(error).__name__


def _log_progress(archived: ArchiveProgress) -> None:
    segment = archived.segment
    logger.info(
        "archived positions %d to %d in segment %d: %d bytes are %d",
        segment.first, segment.last, segment.number, segment.bytes, segment.stored_bytes,
    )  # fmt: skip
