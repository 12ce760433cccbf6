"""Topics of live views: each subscriber has the right rows, whenever it joined, however slow it is."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from eventstore.place import Place
from projections.live.aligned_reader import ReadLimits, RowQuery
from projections.live.live_view import LiveView
from projections.live.shared_rows import SharedRows
from projections.querying.filters import FieldCondition
from projections.querying.pages import ListQuery
from projections.storage.rows import fields
from subscriptions.live.renderer import SharedRenderer
from subscriptions.live.ring import RingLimits
from subscriptions.live.subscriber import Subscriber
from tests.helpers.note_churn import churn
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Scored, Written
from tests.helpers.rebuilds import louder
from tests.helpers.row_clients import ClientTopic, CountingRenderer, RowClient, until
from tests.helpers.row_scopes import ALL_ROWS

FILTERS: list[dict[str, Any]] = [{}, {"score": {"gt": 0}}, {"text": {"in": ["x", "y"]}}]


def disturb(topics: Sequence[ClientTopic], clients: list[RowClient], dice: random.Random) -> None:
    """Reconnect, pause or resume half of the clients, of which each third one is of the same topic."""
    for at in dice.sample(range(len(clients)), len(clients) // 2):
        client = clients[at]
        assert client.subscription is not None
        if client.place is not None and dice.random() < 0.3:
            clients[at] = topics[at % 3].join(client.reconnected(), client.place)
        else:
            dice.choice([client.subscription.pause, client.subscription.resume])()


@pytest.mark.parametrize(("later", "latest_only"), [(False, False), (True, False), (False, True)])
async def test_i10_subscribers_of_one_topic_have_the_rows_of_the_view_whenever_they_joined(
    mongo_url: str, redis_url: str, database: str, later: bool, latest_only: bool
) -> None:
    """Their snapshots do not contain all rows; they pause, are cut off and resume."""
    async with (
        open_rig(mongo_url, redis_url, database, work=True) as writer,
        open_rig(mongo_url, redis_url, database) as server,
    ):
        dice, clients = random.Random(3), list[RowClient]()
        topics = [
            ClientTopic(server.live, wanted, 2, CountingRenderer(later=later), latest_only=latest_only)
            for wanted in FILTERS
        ]
        first = [topic.join(RowClient()) for topic in topics]
        for seed in range(12):
            for topic in topics:
                clients.append(topic.join(RowClient()))
                clients[-1].pausing = dice.randint(0, 3)
            await churn(writer, 8, seed)
            disturb(topics, clients, dice)
        await writer.projected()
        for client in clients:
            assert client.subscription is not None
            client.pausing = 0
            client.subscription.resume()
        await writer.append("note-end", Written(text="x"))
        await writer.append("note-end", Scored(by=1))
        head = await writer.projected()
        await until(
            lambda: all(client.place and client.place.position >= head for client in (*first, *clients))
        )
        for at, client in enumerate((*first, *clients)):
            page = await server.reader.page(ALL_ROWS, ListQuery(100, FILTERS[at % 3]))
            stored = {row["id"]: fields(row) for row in page.rows}
            assert not client.wrong, client.wrong
            assert client.rows.items() <= stored.items()
        # These received every row.
        for at, client in enumerate(first):
            page = await server.reader.page(ALL_ROWS, ListQuery(100, FILTERS[at]))
            assert client.rows == {row["id"]: fields(row) for row in page.rows}
        for client in (*first, *clients):
            assert client.subscription is not None
            client.subscription.close()
        await until(lambda: not server.changes.cursors)


async def settled_topic(
    rig: Rig, filter: dict[str, Any], first: int, **options: Any
) -> tuple[ClientTopic, CountingRenderer, RowClient]:
    renderer = CountingRenderer()
    topic = ClientTopic(rig.live, filter, first, renderer, **options)
    position = await rig.locator.position()
    with rig.changes.live():
        # What is rendered before the tail has begun is rendered again: it may be from before an erasure.
        await until(lambda: rig.changes.erasure >= position)
        client = topic.join(RowClient())
        await until(lambda: client.live)
    return topic, renderer, client


async def caught_up(client: RowClient) -> RowClient:
    await until(lambda: client.live)
    return client


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> Any:
    async with open_rig(mongo_url, redis_url, database, work=True) as rig:
        yield rig


async def test_a_change_is_rendered_once_and_subscribers_that_join_between_two_changes_share_a_snapshot(
    rig: Rig,
) -> None:
    await rig.write("ab")
    await rig.projected()
    topic, renderer, client = await settled_topic(rig, {}, 5)
    others = [topic.join(RowClient()) for _ in range(20)]
    await until(lambda: all(other.live for other in others))
    assert renderer.rendered == 2, "a snapshot, and that it is all"
    await rig.append("note-a", Scored(by=1))
    await until(lambda: all(other.kinds == [("UPDATED", "note-a")] for other in (client, *others)))
    assert renderer.rendered == 3


async def test_a_subscriber_with_a_short_snapshot_receives_other_rows_when_they_change(rig: Rig) -> None:
    await rig.write("abc")
    await rig.projected()
    topic, _, client = await settled_topic(rig, {"score": {"gte": 0}}, 2)
    assert set(client.rows) == {"note-b", "note-c"}
    await rig.append("note-a", Scored(by=1))
    await until(lambda: client.kinds == [("ADDED", "note-a")])
    other = topic.join(RowClient())
    await until(lambda: other.live)
    assert set(other.rows) == {"note-a", "note-c"}
    await rig.append("note-b", Scored(by=-1))  # One holds it, and the other does not.
    await until(lambda: client.kinds[1:] == [("REMOVED", "note-b")])
    await rig.append("note-b", Scored(by=2))
    await until(lambda: other.kinds == [("ADDED", "note-b")])
    await until(lambda: client.kinds[2:] == [("ADDED", "note-b")])
    assert (client.wrong, other.wrong) == ([], [])
    await until(lambda: isinstance(other.subscription, Subscriber) and not other.subscription.is_filtered)


async def test_a_resumed_subscriber_does_not_change_the_rows_of_the_others(rig: Rig) -> None:
    """For its sake the topic reads rows that the others have not received."""
    await rig.write("abcd")
    await rig.projected()
    topic, _, client = await settled_topic(rig, {"score": {"gte": 0}}, 2)
    back = topic.join(RowClient(exact=False), Place(4))
    await until(lambda: back.live)
    await rig.append("note-a", Scored(by=-1))
    await until(lambda: back.kinds == [("REMOVED", "note-a")])
    await rig.append("note-b", Scored(by=1))
    await until(lambda: back.kinds[1:] == [("UPDATED", "note-b")])
    await until(lambda: client.kinds == [("ADDED", "note-b")])
    assert not client.wrong


async def test_a_slow_subscriber_may_ask_for_the_latest_state_of_each_row(rig: Rig) -> None:
    await rig.write("a")
    await rig.projected()
    _, _, client = await settled_topic(rig, {}, 5, latest_only=True)
    assert client.subscription is not None
    client.subscription.pause()
    for _ in range(5):
        await rig.append("note-a", Scored(by=1))
    await rig.write("b")
    await rig.append("note-b", Scored(by=1))
    head = await rig.projected()
    await until(lambda: rig.changes.reached >= head)
    client.subscription.resume()
    await until(lambda: client.place is not None and client.place.position >= head)
    assert client.kinds == [("UPDATED", "note-a"), ("ADDED", "note-b")]
    assert client.rows["note-a"]["score"] == 5


async def test_a_subscriber_whose_entries_the_ring_has_evicted_reads_what_it_missed(rig: Rig) -> None:
    live = LiveView(
        rig.reader, rig.changes, rig.log.head, rig.past.visible_since, limits=RingLimits(entries=2)
    )
    await rig.write("ab")
    await rig.projected()
    topic = ClientTopic(live, {}, 5, CountingRenderer())
    client = topic.join(RowClient(exact=False))
    await until(lambda: client.live)
    assert client.subscription is not None
    client.subscription.pause()
    for name in "abab":
        await rig.append(f"note-{name}", Scored(by=1))
        await rig.projected()
    await rig.write("c")
    head = await rig.projected()
    await until(lambda: rig.changes.reached >= head)
    client.subscription.resume()
    await until(lambda: len(client.kinds) >= 3)
    assert client.kinds == [("UPDATED", "note-a"), ("UPDATED", "note-b"), ("ADDED", "note-c")]
    await rig.append("note-a", Scored(by=1))
    await until(lambda: client.kinds[3:] == [("UPDATED", "note-a")])
    assert (client.snapshots, client.wrong) == (1, [])


async def test_a_place_beyond_the_log_has_expired_and_one_after_which_too_many_rows_changed(
    rig: Rig,
) -> None:
    read_limits = ReadLimits(missed_rows=2)
    live = LiveView(rig.reader, rig.changes, rig.log.head, rig.past.visible_since, read_limits=read_limits)
    await rig.write("abc")
    await rig.projected()
    for after, expired in ((Place(1_000), 1), (Place(0), 1), (Place(2), 0)):
        client = ClientTopic(live, {}, 5, CountingRenderer()).join(RowClient(), after)
        await until(lambda client=client: client.live)
        assert client.subscription is not None
        assert (client.expired, client.snapshots, len(client.rows)) == (expired, expired, 3 if expired else 1)
        client.subscription.close()


async def test_a_change_costs_no_more_with_ten_thousand_topics_for_other_rows(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.write("a")
    await rig.projected()
    renderer = CountingRenderer()
    for i in range(10_000):
        shared: Any = SharedRenderer(renderer, rig.live.stats, lambda _message: 1)
        rig.live._topic(RowQuery(ALL_ROWS, rig.live.id_filter(f"note-{i}"), 1), shared)
    _, _, client = await settled_topic(rig, {"id": {"eq": "note-a"}}, 1)
    applied: list[Any] = []
    apply = SharedRows.apply

    def noted(self: SharedRows, row: Any) -> Any:
        applied.append(row)
        return apply(self, row)

    monkeypatch.setattr(SharedRows, "apply", noted)
    await rig.append("note-a", Scored(by=1))
    await until(lambda: client.kinds == [("UPDATED", "note-a")])
    assert len(applied) == 1
    assert renderer.rendered == 0


async def test_a_resumed_subscriber_begins_with_a_snapshot_after_a_rebuild_by_changed_code(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Rows that differ after a rebuild changed at no place after which they could be delivered."""
    worker = partial(open_rig, mongo_url, redis_url, database, poll_interval=0.05, work=True)
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05) as rig:
        async with worker():
            await rig.write("ab")
            await rig.projected()
            topic, _, client = await settled_topic(rig, {}, 5)
            assert client.place is not None
            again = await caught_up(topic.join(client.reconnected(), client.place))
            assert (again.expired, again.kinds) == (0, [])
        async with worker(view=louder):
            staying = await caught_up(ClientTopic(rig.live, {}, 5, CountingRenderer()).join(RowClient()))
            await until(lambda: {row["text"] for row in staying.rows.values()} == {"A", "B"})
            back = await caught_up(topic.join(again.reconnected(), again.place))
            assert (back.expired, back.snapshots) == (1, 1)
            assert back.rows == staying.rows
            await rig.append("note-a", Scored(by=1))
            await until(lambda: back.kinds == [("UPDATED", "note-a")])
            later = await caught_up(topic.join(back.reconnected(), back.place))
            assert (later.expired, later.kinds) == (0, [])


async def test_a_filter_that_cannot_compare_a_row_ends_its_own_streams_and_no_others(rig: Rig) -> None:
    """A client cannot write such a filter, but the code of a view may put any value into a field."""
    topic, _, client = await settled_topic(rig, {}, 5)
    broken = RowClient()
    wanted = FieldCondition("text", "lt", 5)
    broken.subscription = rig.live.open(
        ALL_ROWS,
        wanted,
        5,
        None,
        broken,
        key="broken",
        renderer=CountingRenderer,
        weigh=lambda _message: 1,
    )
    await caught_up(broken)
    await rig.write("a")
    await until(lambda: client.kinds == [("ADDED", "note-a")])
    await until(lambda: broken.ended)
    await rig.write("b")
    await until(lambda: len(client.rows) == 2)
    assert (await caught_up(topic.join(RowClient()))).rows == client.rows
