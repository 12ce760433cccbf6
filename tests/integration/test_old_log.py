"""What releases so far have stored is read by this one: as the feed tells it, in views, and as aggregates."""

from __future__ import annotations

from domain.kernel import RecordedEvent
from domain.kernel.unreadable import describe_unreadable
from eventstore.aggregates.repository import AggregateRepository
from eventstore.integrity.event_schemas import EventSchemas
from eventstore.log import EventLog
from eventstore.mongo.driver import open_client
from projections.kernel import by_stream
from projections.projecting.view_worker import ViewWorker
from projections.querying.locator import ViewLocator
from projections.querying.queries import ViewReader
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.feed.feed import Feed
from subscriptions.feed.wakeups import Wakeups
from tests.fixtures import CATALOG, VIEWS, old_commits
from tests.helpers.drivers import chosen_driver
from tests.helpers.letters import Letter, Speed
from tests.helpers.notes import now


async def read_by_feed(feed: Feed, upto: int) -> list[RecordedEvent]:
    found: list[RecordedEvent] = []
    async for batch in feed.follow(0):
        found += [event for commit in batch.items for event in commit.events]
        if batch.position >= upto:
            break
    return found


async def test_all_that_was_ever_stored_is_read(mongo_url: str, redis_url: str, database: str) -> None:
    old, schemas = old_commits(), EventSchemas(CATALOG)
    async with open_client(mongo_url, chosen_driver()) as client:
        await client[database]["log"].insert_many(old)
        log = EventLog(client[database], CATALOG, clock=now, announce=lambda position: None, fence_after=1.0)
        await log.open()
        wakeups, checkpoints = Wakeups(redis_url, database), Checkpoints(client[database])
        feed = Feed(log, wakeups, 0.2)
        worker = ViewWorker(VIEWS, client[database], feed, checkpoints, wakeups, tick=0.2)
        await wakeups.start()
        await worker.start()
        try:
            events = await read_by_feed(feed, len(old))
            assert len(events) == sum(len(commit["events"]) for commit in old)
            for event in events:
                assert event.unreadable is None, describe_unreadable(event)
                assert event.revision == CATALOG.events[event.type].revision
                assert schemas.violation(event.type, event.revision, event.data) is None

            aggregates = AggregateRepository(log)
            for stream, category in {event.stream: event.commit.category for event in events}.items():
                kind = CATALOG.aggregate(category)
                payloads = [event.payload for event in events if event.stream == stream]
                loaded = await aggregates.load("default", stream, kind)
                assert (loaded.state, loaded.version) == (kind().evolve_all(payloads), len(payloads))
            letter = await aggregates.load("default", "letter-a", Letter)
            assert letter.state == Letter(frozenset({"Ada", "Bob", "Cleo"}), Speed.FAST, ("Ada", "Ada"))

            for view in VIEWS:
                locator = ViewLocator(view, client[database], checkpoints, wakeups, 0.2)
                reader = ViewReader(locator)
                await reader.wait_for(len(old), 60)
                if view.key is not by_stream:
                    continue
                of_view = [event for event in events if event.commit.category == view.context.category]
                # What was recorded by itself, as an example, need not begin a row.
                begun = {event.stream for event in of_view if event.commit.source != "record"}
                rows = await (await locator.rows()).find({"_gone": False}).to_list(None)
                assert begun <= {row["id"] for row in rows}
        finally:
            await worker.stop()
            await wakeups.stop()
            await log.close()


async def test_what_was_stored_met_its_schema() -> None:
    schemas = EventSchemas(CATALOG)
    for commit in old_commits():
        for event in commit["events"]:
            assert schemas.violation(event["type"], event["schema"], event["data"]) is None
