"""Topics: each subscriber receives each message once and in order, whatever it and the others do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from eventstore.place import Place
from subscriptions.live.messages import CaughtUp
from subscriptions.live.ring import RingLimits
from subscriptions.live.sinks import Chunk
from tests.helpers.topic_rig import (
    Note,
    NumberedLog,
    PromptRenderer,
    RecordingSink,
    Rendered,
    SlowRenderer,
    ThirdsFilter,
    TopicRig,
)

PUBLISH = st.tuples(st.just("publish"), st.lists(st.integers(0, 3), min_size=1, max_size=4))
WAIT = st.tuples(st.just("wait"), st.integers(1, 12))
ACT = st.tuples(st.sampled_from(["pause", "resume", "pausing", "resume"]), st.integers(0, 5))
JOIN = st.tuples(st.just("join"), st.none() | st.integers(0, 30))
RARE = st.sampled_from([("erase", None), ("close", 0), ("close", 1)])
ROUND = st.tuples(JOIN, PUBLISH, ACT, WAIT, PUBLISH, ACT, PUBLISH, RARE | WAIT, ACT)
STEPS = st.lists(
    ROUND | st.permutations([("publish", [1]), ("publish", [2]), ("wait", 2), ("erase", None)]), max_size=8
).map(lambda rounds: [step for steps in rounds for step in steps])
LIMITS = st.builds(
    RingLimits, st.integers(0, 12), st.integers(0, 100), st.integers(0, 150), st.sampled_from([1, 20, 1_000])
)
RENDERERS = st.sampled_from([PromptRenderer, SlowRenderer])


async def play(rig: TopicRig, steps: Sequence[tuple[str, Any]]) -> None:
    """Run the steps, then let all subscribers resume until everything is delivered."""
    for step, value in steps:
        match step:
            case "publish":
                rig.publish(value)
            case "join" if value is None:
                rig.join(None)
            case "join":
                places = [Place(0), *rig.log.places]
                rig.join(places[value % len(places)])
            case "erase":
                rig.erase()
            case "wait":
                for _ in range(value):
                    await asyncio.sleep(0)
            case _ if rig.sinks:
                act(rig.sinks[value % len(rig.sinks)], step)
    await resume_all(rig)
    assert not any(sink.wrong for sink in rig.sinks)


async def resume_all(rig: TopicRig) -> None:
    for _ in range(2):
        for sink in rig.sinks:
            sink.pausing = False
            sink.subscriber.resume()
        await rig.settle()


def act(sink: RecordingSink, step: str) -> None:
    match step:
        case "pause":
            sink.subscriber.pause()
        case "resume":
            sink.subscriber.resume()
        case "pausing":
            sink.pausing = not sink.pausing
        case _:
            sink.subscriber.close()
            sink.ended = sink.ended or [{"message": "closed"}]


def expected_places(rig: TopicRig, sink: RecordingSink) -> list[Place]:
    """Return all places after the one where the subscriber began, up to the one where it may resume.

    One that began at no place may have received messages before it caught up.
    """
    start = sink.after
    if start is None:
        start = min([sink.caught_up_at, *(place.before() for place in sink.places)])
    last = sink.lagged_at
    return [place for place in rig.log.places if place > start and (last is None or place <= last)]


@given(STEPS, LIMITS, RENDERERS, st.sampled_from([3, 1_000]))
def test_i10_each_message_is_delivered_once_and_in_order_over_pauses_full_rings_and_erasures(
    steps: list[tuple[str, Any]], limits: RingLimits, renderer: type[PromptRenderer], max_lag: int
) -> None:
    """Nothing is delivered that was read before an erasure: `RecordingSink` checks it."""

    async def run() -> None:
        rig = TopicRig(renderer(), limits, max_lag=max_lag)
        await play(rig, steps)
        for sink in rig.sinks:
            if isinstance(sink.ended, list):
                from_first = [place for place in rig.log.places if sink.places and place >= sink.places[0]]
                assert sink.places == from_first[: len(sink.places)]
            else:
                assert sink.places == expected_places(rig, sink)
        assert limits.used == 0
        still_open = sum(not sink.ended for sink in rig.sinks)
        assert rig.stats.subscriptions == still_open
        assert rig.stats.groups == bool(still_open)

    asyncio.run(run())


@given(STEPS, LIMITS, RENDERERS)
def test_a_filtered_subscriber_receives_each_message_in_the_chosen_form(
    steps: list[tuple[str, Any]], limits: RingLimits, renderer: type[PromptRenderer]
) -> None:
    async def run() -> None:
        rig = TopicRig(renderer(), limits, NumberedLog(open_filter=ThirdsFilter))
        await play(rig, steps)
        for sink in rig.sinks:
            if sink.ended:
                continue
            delivered = [(note.place, note.form) for note in sink.notes if note.place.position % 3 < 2]
            forms = ("note", "alternate")
            expected = [place for place in expected_places(rig, sink) if place.position % 3 < 2]
            assert delivered == [(place, forms[place.position % 3]) for place in expected]

    asyncio.run(run())


@given(STEPS, LIMITS, RENDERERS)
def test_missed_messages_can_be_condensed(
    steps: list[tuple[str, Any]], limits: RingLimits, renderer: type[PromptRenderer]
) -> None:
    """Here the last message of each index remains."""

    def condense(notes: Sequence[Note]) -> Sequence[Note]:
        return sorted({note.place.index: note for note in notes}.values())

    async def run() -> None:
        rig = TopicRig(renderer(), limits, condense=condense)
        await play(rig, steps)
        for sink in rig.sinks:
            if not sink.ended:
                expected = expected_places(rig, sink)
                assert sink.places == sorted(set(sink.places))
                assert set(sink.places) <= set(expected)
                assert {p.index: p for p in sink.places} == {p.index: p for p in expected}

    asyncio.run(run())


async def test_a_message_is_rendered_once_for_all_and_a_batch_is_one_chunk() -> None:
    rig = TopicRig()
    chunks: list[Chunk[Rendered]] = []
    for sink in [rig.join() for _ in range(5)]:
        await rig.settle()
        sink.chunks = chunks
    before = rig.stats.executions
    rig.publish([1, 2])
    assert rig.stats.executions == before + 3
    assert len(chunks) == 5
    assert len(set(map(id, chunks))) == 1
    assert rig.stats.deliveries == 5 + 15


async def test_without_recipients_nothing_is_rendered_and_without_slow_ones_nothing_is_kept() -> None:
    rig = TopicRig(limits=RingLimits(entries=2))
    sink = rig.join()
    await rig.settle()
    rig.publish([1])
    assert rig.limits.used == 0
    sink.subscriber.pause()
    rig.publish([1])
    assert rig.limits.used == 10
    rig.publish([3])
    assert rig.limits.used == 0
    before = rig.stats.executions
    rig.publish([3])
    assert rig.stats.executions == before
    sink.subscriber.resume()
    await rig.settle()
    assert sink.places == rig.log.places


async def test_a_subscriber_that_is_up_to_date_has_no_task() -> None:
    rig = TopicRig()
    for _ in range(10):
        rig.join()
    await rig.settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_subscribers_that_join_at_one_place_share_the_rendering_of_their_backlog() -> None:
    rig = TopicRig()
    sinks = [rig.join() for _ in range(10)]
    await rig.settle()
    assert rig.stats.executions == 1
    assert [sink.results for sink in sinks] == [[CaughtUp(Place(0))]] * 10


async def test_subscribers_whose_filters_choose_alike_receive_the_same_chunk() -> None:
    rig = TopicRig(log=NumberedLog(open_filter=ThirdsFilter))
    one, other = rig.join(), rig.join()
    await rig.settle()
    rig.publish([1, 1, 1])
    assert one.chunks[-1] is other.chunks[-1]
    assert [note.form for note in one.notes] == [note.form for note in other.notes] == ["alternate", "note"]


async def test_a_topic_can_narrow_its_subscribers_and_their_filter_ends_by_itself() -> None:
    class UpToThree(ThirdsFilter):
        def ends_after(self, message: Note) -> bool:
            return message.place.position == 3

    rig = TopicRig()
    early = rig.join()
    await rig.settle()
    rig.topic.narrow(UpToThree())
    late = rig.join()
    await rig.settle()
    rig.publish([1, 1, 1])
    rig.publish([1, 1])
    assert [note.place.position for note in late.notes] == [1, 2, 3, 4, 5]
    assert [(note.place.position, note.form) for note in early.notes] == [
        (1, "alternate"),
        (3, "note"),
        (4, "note"),
        (5, "note"),
    ]


async def test_a_subscriber_shows_the_position_up_to_which_it_has_received_everything() -> None:
    """It is that of its topic while the subscriber is up to date, and stays while it is paused."""
    rig = TopicRig()
    rig.publish([1, 1])
    sink = rig.join(Place(0))
    assert sink.subscriber.position == 0
    await rig.settle()
    assert sink.subscriber.position == 2
    rig.publish([0])
    assert sink.subscriber.position == 3
    sink.subscriber.pause()
    rig.publish([1, 1])
    assert sink.subscriber.position == 3
    sink.subscriber.resume()
    await rig.settle()
    assert sink.subscriber.position == 5
