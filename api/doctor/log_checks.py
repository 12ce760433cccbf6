"""Checks of the log: what guards it, whether it can be read, and what of it is sealed and archived."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from api.doctor.findings import Finding, fail, ok, warn
from api.ids import now
from api.settings import Settings
from domain.kernel import Catalog
from domain.kernel.names import quantity
from eventstore.archiving.archiver import SEGMENT_COMMITS
from eventstore.archiving.segments import Segment
from eventstore.integrity.block_sealer import last_block
from eventstore.integrity.blocks import BLOCK_SIZE, Block
from eventstore.integrity.log_compatibility import LogCompatibility
from eventstore.mongo.driver import Database
from eventstore.mongo.log_collections import CLOCK_SKEW, INDEXES, LogCollections

MAX_UNSEALED = 10 * BLOCK_SIZE
"""Positions after the last seal from which no worker seems to seal."""

ARCHIVE_DELAY = timedelta(days=1)
"""Time that a full segment may wait for its archiving."""


async def check_log(settings: Settings, database: Database, catalog: Catalog) -> AsyncIterator[Finding]:
    """Yield the findings of all checks of the log. Raises what the driver raises."""
    collections = LogCollections.of(database)
    last = await collections.log.find_one({}, {"at": 1}, sort=[("_id", -1)])
    yield check_end(last, now())
    yield check_indexes(await collections.log.index_information())
    problems = await LogCompatibility(database, catalog).problems()
    yield check_readable(problems)
    head = last["_id"] if last else 0
    seal = await last_block(collections.blocks)
    yield check_seal(seal, await _recorded_at(collections, seal.last if seal else 0), head)
    stored = await collections.segments.find_one({}, sort=[("_id", -1)])
    segment = None if stored is None else Segment.from_document(stored)
    end_of_next = (segment.last if segment else 0) + SEGMENT_COMMITS
    yield check_archive(settings, segment, await _recorded_at(collections, end_of_next), now())


async def _recorded_at(collections: LogCollections, position: int) -> datetime | None:
    """Return the record time of a position; None if the log does not reach it."""
    stored = await collections.log.find_one({"_id": position}, {"at": 1})
    return None if stored is None else stored["at"]


def check_end(last: Mapping[str, Any] | None, at: datetime) -> Finding:
    """Check that the last commit was not recorded in the future: later ones would get its time."""
    check = "end of the log"
    if last is None:
        return ok(check, "the log is empty", positions=0)
    text = f"position {last['_id']:,}, recorded {last['at']:%Y-%m-%d %H:%M:%S} UTC"
    if last["at"] - at > CLOCK_SKEW:
        return fail(check, f"{text}, which is still to come", "correct the clock", positions=last["_id"])
    return ok(check, text, positions=last["_id"])


def check_indexes(present: Mapping[str, Any]) -> Finding:
    """Check that the log has the indexes that guard it and serve its reads."""
    check, missing = "indexes of the log", [each.name for each in INDEXES if each.name not in present]
    if missing:
        remedy = "start nerve, or run `nerve secure`, to create them"
        return fail(check, f"{', '.join(missing)} missing", remedy, missing=len(missing))
    return ok(check, f"all {len(INDEXES)}")


def check_readable(problems: list[str]) -> Finding:
    """Check that this version of the code can read all events of the log."""
    check = "events of the log"
    if problems:
        text = f"some cannot be read by these contexts: {'; '.join(problems)}"
        return fail(
            check, text, "run the version that wrote them, or write upcasters", problems=len(problems)
        )
    return ok(check, "these contexts can read all of them")


def check_seal(seal: Block | None, at: datetime | None, head: int) -> Finding:
    """Check that workers seal the log. `at` is the record time of the last position that is sealed."""
    check, sealed = "seal of the log", seal.last if seal else 0
    unsealed = head - sealed
    if unsealed > MAX_UNSEALED:
        remedy = "start a worker, which seals them; if one is running, look into its log"
        return warn(check, f"{quantity(unsealed, 'position')} not sealed", remedy, positions=sealed)
    if seal is None:
        return ok(check, f"none, until the first {BLOCK_SIZE:,} positions are complete", positions=0)
    moment = "" if at is None else f", recorded {at:%Y-%m-%d %H:%M:%S} UTC"
    return ok(check, f"up to position {sealed:,}{moment}; {unsealed:,} later ones", positions=sealed)


def check_archive(
    settings: Settings, segment: Segment | None, end_of_next: datetime | None, at: datetime
) -> Finding:
    """Check that commits are archived if the settings say so. nerve cannot know of backups of MongoDB.

    `segment` is the newest one, and `end_of_next` the record time of the last commit that would fill another
    one; None if there are too few commits for that.
    """
    check, backups = "archive", "nerve cannot see your backups of MongoDB"
    if segment is not None and settings.archive_url is None:
        text = "the log has archived commits, but archive_url is not set"
        return fail(check, text, "set archive_url to the store that has them")
    archived = segment.last if segment else 0
    if settings.archive_after is not None and end_of_next is not None:
        overdue = at - end_of_next - settings.archive_after
        if overdue > ARCHIVE_DELAY:
            days = quantity(overdue.days, "day")
            text = f"commits after position {archived:,} should have been archived {days} ago"
            remedy = "start a worker; if one is running, look into its log"
            return warn(check, text, remedy, positions=archived)
    if segment is None:
        return ok(check, f"nothing is archived; {backups}", positions=0)
    age = (at - segment.at).days
    text = f"up to position {archived:,}; the newest segment is {quantity(age, 'day')} old; {backups}"
    return ok(check, text, positions=archived, days=age)
