"""Groups: whoever subscribes is told each message once and in order, whatever it and the others do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.live.messages import CaughtUp, CursorExpired, Place
from subscriptions.live.ring import RingLimits
from subscriptions.live.sinks import Chunk
from tests.numbered_topic import AtOnce, Hub, Later, Note, Odd, Past, Reader, Rendered, other

TELL = st.tuples(st.just("tell"), st.lists(st.integers(0, 3), min_size=1, max_size=4))
WAIT = st.tuples(st.just("wait"), st.integers(1, 12))
ACT = st.tuples(st.sampled_from(["pause", "resume", "pausing", "resume"]), st.integers(0, 5))
JOIN = st.tuples(st.just("join"), st.none() | st.integers(0, 30))
RARE = st.sampled_from([("erase", None), ("close", 0), ("close", 1)])
ROUND = st.tuples(JOIN, TELL, ACT, WAIT, TELL, ACT, TELL, RARE | WAIT, ACT)
STEPS = st.lists(
    ROUND | st.permutations([("tell", [1]), ("tell", [2]), ("wait", 2), ("erase", None)]), max_size=8
).map(lambda rounds: [step for steps in rounds for step in steps])
LIMITS = st.builds(
    RingLimits, st.integers(0, 12), st.integers(0, 100), st.integers(0, 150), st.sampled_from([1, 20, 1_000])
)
TELLING = st.sampled_from([AtOnce, Later])


async def play(hub: Hub, steps: Sequence[tuple[str, Any]]) -> None:
    """The steps, and then everybody who is still there goes on until all is told."""
    for step, value in steps:
        chosen = [hub.readers[value % len(hub.readers)][0]] if isinstance(value, int) and hub.readers else []
        match step:
            case "tell":
                hub.tell(value)
            case "join" if value is None:
                hub.join(None)
            case "join":
                places = [Place(0), *hub.past.places]
                hub.join(places[value % len(places)])
            case "erase":
                hub.erase()
            case "wait":
                for _ in range(value):
                    await asyncio.sleep(0)
            case _:
                for reader in chosen:
                    act(reader, step)
    await go_on(hub)
    assert not any(reader.wrong for reader, _ in hub.readers)


async def go_on(hub: Hub) -> None:
    for _ in range(2):
        for reader, _after in hub.readers:
            reader.pausing = False
            if reader.member is not None:
                reader.member.resume()
        await hub.settle()


def act(reader: Reader, step: str) -> None:
    assert reader.member is not None
    match step:
        case "pause":
            reader.member.pause()
        case "resume":
            reader.member.resume()
        case "pausing":
            reader.pausing = not reader.pausing
        case _:
            reader.member.close()
            reader.ended = reader.ended or [{"message": "closed"}]


def wanted(hub: Hub, reader: Reader, after: Place | None) -> list[Place]:
    """What it must have been told: all behind where it began, or up to where it is told to resume.

    One that began at no place may have heard something before it was said to have caught up.
    """
    start = min([reader.began, *(place.before() for place in reader.places)]) if after is None else after
    last = reader.lagged
    return [place for place in hub.past.places if place > start and (last is None or place <= last)]


@given(STEPS, LIMITS, TELLING, st.sampled_from([3, 1_000]))
def test_i10_each_message_is_told_once_and_in_order_over_pauses_full_rings_and_erasures(
    steps: list[tuple[str, Any]], limits: RingLimits, renderer: type[AtOnce], max_lag: int
) -> None:
    """Nothing is told that was read before an erasure: `Reader` sees to it."""

    async def run() -> None:
        hub = Hub(renderer(), limits, Past(max_lag))
        await play(hub, steps)
        for reader, after in hub.readers:
            if not isinstance(reader.ended, list):
                assert reader.places == wanted(hub, reader, after)
            else:
                assert (
                    reader.places
                    == [p for p in hub.past.places if reader.places and p >= reader.places[0]][
                        : len(reader.places)
                    ]
                )
        assert limits.used == 0
        still = sum(not reader.ended for reader, _ in hub.readers)
        assert hub.stats.subscriptions == still
        assert hub.stats.groups == bool(still)

    asyncio.run(run())


@given(STEPS, LIMITS, TELLING)
def test_who_sees_its_group_otherwise_is_told_each_message_in_its_own_way(
    steps: list[tuple[str, Any]], limits: RingLimits, renderer: type[AtOnce]
) -> None:
    async def run() -> None:
        hub = Hub(renderer(), limits, Past(own=Odd))
        await play(hub, steps)
        for reader, after in hub.readers:
            if reader.ended:
                continue
            told = [(note.place, note.form) for note in reader.notes if note.place.position % 3 < 2]
            forms = ("note", "other")
            expected = [p for p in wanted(hub, reader, after) if p.position % 3 < 2]
            assert told == [(place, forms[place.position % 3]) for place in expected]

    asyncio.run(run())


@given(STEPS, LIMITS, TELLING)
def test_what_was_missed_can_be_condensed(
    steps: list[tuple[str, Any]], limits: RingLimits, renderer: type[AtOnce]
) -> None:
    """Here to the last message of each index: it is told whatever is left out before it."""

    def condense(notes: Sequence[Note]) -> Sequence[Note]:
        return sorted({note.place.index: note for note in notes}.values())

    async def run() -> None:
        hub = Hub(renderer(), limits, Past(), condense=condense)
        await play(hub, steps)
        for reader, after in hub.readers:
            if not reader.ended:
                expected = wanted(hub, reader, after)
                assert reader.places == sorted(set(reader.places))
                assert set(reader.places) <= set(expected)
                assert {p.index: p for p in reader.places} == {p.index: p for p in expected}

    asyncio.run(run())


async def test_a_message_is_rendered_once_for_all_and_a_batch_is_one_chunk() -> None:
    hub = Hub(AtOnce(), RingLimits(), Past())
    chunks: list[Chunk[Rendered]] = []
    for reader in [hub.join(None) for _ in range(5)]:
        assert reader.member is not None
        await hub.settle()
        reader.chunks = chunks
    before = hub.stats.executions
    hub.tell([1, 2])
    assert hub.stats.executions == before + 3
    assert len(chunks) == 5
    assert len(set(map(id, chunks))) == 1
    assert hub.stats.deliveries == 5 + 15


async def test_nothing_is_rendered_for_nobody_and_nothing_kept_for_those_who_flow() -> None:
    hub = Hub(AtOnce(), RingLimits(entries=2), Past())
    reader = hub.join(None)
    await hub.settle()
    assert reader.member is not None
    hub.tell([1])
    assert hub.limits.used == 0
    reader.member.pause()
    hub.tell([1])
    assert hub.limits.used == 10
    hub.tell([3])
    assert hub.limits.used == 0
    before = hub.stats.executions
    hub.tell([3])
    assert hub.stats.executions == before
    reader.member.resume()
    await hub.settle()
    assert reader.places == hub.past.places


async def test_a_subscriber_that_flows_has_no_task() -> None:
    hub = Hub(AtOnce(), RingLimits(), Past())
    for _ in range(10):
        hub.join(None)
    await hub.settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_place_that_cannot_be_resumed_is_told_and_the_stream_is_complete() -> None:
    hub = Hub(AtOnce(), RingLimits(), Past())
    reader = hub.join(Place(7))
    await hub.settle()
    assert reader.results == [CursorExpired(Place(0))]
    assert reader.ended is True
    assert hub.past.gone


async def test_what_cannot_be_rendered_ends_the_streams_of_its_group(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(AtOnce):
        def render(self, message: Any) -> Rendered:
            if isinstance(message, Note):
                raise ValueError("no")
            return Rendered(message)

    hub = Hub(Broken(), RingLimits(), Past())
    readers = [hub.join(None) for _ in range(2)]
    await hub.settle()
    hub.tell([1])
    assert [reader.ended for reader in readers] == [[{"message": "no"}]] * 2
    assert "could not be rendered" in caplog.text


async def test_a_sink_that_breaks_changes_nothing_for_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """I11"""

    class Breaking(list[Any]):
        def append(self, chunk: Any) -> None:
            raise RuntimeError("its transport is gone")

    hub = Hub(AtOnce(), RingLimits(), Past())
    readers = [hub.join(None) for _ in range(3)]
    await hub.settle()
    readers[1].chunks = Breaking()
    hub.tell([1])
    hub.tell([1])
    assert [len(reader.places) for reader in readers] == [2, 0, 2]
    assert hub.stats.subscriptions == 2
    assert "could not be told" in caplog.text


async def test_who_leaves_while_others_are_told_is_told_nothing() -> None:
    class Closing(list[Any]):
        def append(self, chunk: Any) -> None:
            super().append(chunk)
            assert readers[2].member is not None
            readers[2].member.close()

    hub = Hub(AtOnce(), RingLimits(), Past())
    readers = [hub.join(None) for _ in range(4)]
    await hub.settle()
    readers[1].chunks = Closing(readers[1].chunks)
    hub.tell([1])
    hub.tell([1])
    assert [len(reader.places) for reader in readers] == [2, 2, 0, 2]


async def test_a_group_that_cannot_keep_up_says_so_to_its_subscribers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("subscriptions.live.topic.INBOX", 5)
    hub = Hub(Later(), RingLimits(), Past())
    reader = hub.join(None)
    await hub.settle()
    for _ in range(10):
        hub.tell([1])
    await hub.settle()
    assert reader.lagged is not None
    resumed = hub.join(reader.lagged)
    await hub.settle()
    assert reader.places + resumed.places == hub.past.places


async def test_who_joins_at_the_same_place_shares_the_rendering_of_what_it_is_told_first() -> None:
    hub = Hub(AtOnce(), RingLimits(), Past())
    readers = [hub.join(None) for _ in range(10)]
    await hub.settle()
    assert hub.stats.executions == 1
    assert [reader.results for reader in readers] == [[CaughtUp(Place(0))]] * 10
    assert other(Note(Place(1), 0)).form == "other"


async def test_who_sees_its_group_otherwise_but_as_others_do_is_handed_the_same_chunk() -> None:
    hub = Hub(AtOnce(), RingLimits(), Past(own=Odd))
    one, other = hub.join(None), hub.join(None)
    await hub.settle()
    hub.tell([1, 1, 1])
    assert one.chunks[-1] is other.chunks[-1]
    assert [note.form for note in one.notes] == [note.form for note in other.notes] == ["other", "note"]
