"""Events that older releases stored, and events that this one cannot read, through every read of the log."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from domain.kernel import Catalog, Cause, RecordedEvent
from domain.kernel.errors import Unavailable
from eventstore.aggregates.repository import AggregateRepository
from eventstore.reading.event_query import EventQuery
from tests.contract.conftest import OpenStore
from tests.helpers.commits import Store
from tests.helpers.letters import Letter, Sent, Speed, context
from tests.helpers.letters.stored import BROKEN, FIRST, NEWER, OPENED, SECOND, THIRD, UNKNOWN, document

AS_NEWEST = [
    (3, {"recipients": ["Ada"], "text": "Hello", "speed": "FAST"}),
    (3, {"recipients": ["Ada", "Bob"], "text": "Hello again", "speed": "SLOW"}),
    (3, THIRD[2]),
]


@pytest.fixture
async def store(open_another: OpenStore) -> Store:
    return await open_another(catalog=Catalog([context]))


async def every_way(store: Store, stream: str) -> list[Sequence[RecordedEvent]]:
    """The stream's events by the feed's reader, as a stream, and by a search."""
    whole = [event for commit in await store.everything() for event in commit.events]
    return [
        [event for event in whole if event.stream == stream],
        await store.log.stream("default", stream),
        await store.log.search("default", EventQuery(streams=[stream])),
    ]


async def test_every_read_returns_old_events_at_the_newest_revision(store):
    await store.documents.insert_many(
        [document(1, "letter-a", 1, FIRST, SECOND), document(2, "letter-a", 3, THIRD)]
    )
    for events in await every_way(store, "letter-a"):
        assert [(event.revision, event.data) for event in events] == AS_NEWEST
        assert all(isinstance(event.payload, Sent) for event in events)
        assert [vars(event.payload) for event in events] == [{**data, "due": None} for _, data in AS_NEWEST]


async def test_an_aggregate_is_built_from_events_of_any_revision(store):
    await store.documents.insert_many(
        [document(1, "letter-a", 1, FIRST, OPENED), document(2, "letter-a", 3, SECOND)]
    )
    loaded = await AggregateRepository(store.log).load("default", "letter-a", Letter)
    assert loaded.state == Letter(frozenset({"Ada", "Bob"}), Speed.SLOW, ("Ada",))


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        (NEWER, Cause.NEWER_REVISION),
        (UNKNOWN, Cause.UNKNOWN_TYPE),
        (BROKEN, Cause.UPCASTER_FAILED),
        (("letter.sent", 2, {"recipients": []}), Cause.DOES_NOT_FIT),
    ],
)
async def test_an_event_that_cannot_be_read_is_named_and_the_streams_others_are_read(store, event, cause):
    name, revision, data = event
    await store.documents.insert_many(
        [document(1, "letter-a", 1, FIRST, event), document(2, "letter-a", 3, THIRD)]
    )
    for first, unreadable, last in await every_way(store, "letter-a"):
        assert [(first.revision, first.data), (last.revision, last.data)] == [AS_NEWEST[0], AS_NEWEST[2]]
        assert unreadable.payload is None
        assert unreadable.unreadable is not None
        assert unreadable.unreadable.cause == cause
        assert (unreadable.revision, unreadable.data) == (revision, data)
    with pytest.raises(Unavailable) as refused:
        await AggregateRepository(store.log).load("default", "letter-a", Letter)
    named = f"{name!r} of revision {revision} at version 2 of letter-a, position 1, cannot be read ({cause})"
    assert named in str(refused.value)
