"""Failures around a topic: of sources, renderers and sinks, and of subscribers that cannot keep up."""

from __future__ import annotations

from typing import Any

import pytest

from eventstore.place import Place
from subscriptions.live.messages import CursorExpired
from tests.helpers.topic_rig import (
    Note,
    PromptRenderer,
    Rendered,
    SlowRenderer,
    TopicRig,
)


async def test_a_stream_that_cannot_resume_ends_with_the_reason() -> None:
    rig = TopicRig()
    sink = rig.join(Place(7))
    await rig.settle()
    assert sink.results == [CursorExpired(Place(0))]
    assert sink.ended is True
    assert rig.log.closed


async def test_a_message_that_cannot_be_rendered_ends_the_streams_of_its_topic(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class BrokenRenderer(PromptRenderer):
        def render(self, message: Any) -> Rendered:
            if isinstance(message, Note):
                raise ValueError("no")
            return Rendered(message)

    rig = TopicRig(BrokenRenderer())
    sinks = [rig.join() for _ in range(2)]
    await rig.settle()
    rig.publish([1])
    assert [sink.ended for sink in sinks] == [[{"message": "no"}]] * 2
    assert "could not be rendered" in caplog.text


async def test_a_source_that_fails_ends_the_streams_that_have_begun() -> None:
    """One that is still waiting for its backlog begins behind the failure."""
    rig = TopicRig()
    sink = rig.join()
    await rig.settle()
    waiting = rig.join()
    rig.topic.fail(ValueError("no"))
    await rig.settle()
    rig.publish([1])
    assert sink.ended == [{"message": "no"}]
    assert (waiting.ended, waiting.places) == (False, [Place(1, 0)])


async def test_i11_a_sink_that_raises_changes_nothing_for_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class BrokenList(list[Any]):
        def append(self, chunk: Any) -> None:
            raise RuntimeError("its transport is gone")

    rig = TopicRig()
    sinks = [rig.join() for _ in range(3)]
    await rig.settle()
    sinks[1].chunks = BrokenList()
    rig.publish([1])
    rig.publish([1])
    assert [len(sink.places) for sink in sinks] == [2, 0, 2]
    assert rig.stats.subscriptions == 2
    assert "its sink raised an error" in caplog.text


async def test_a_subscriber_that_closes_during_a_delivery_receives_nothing_of_it() -> None:
    class ClosingList(list[Any]):
        def append(self, chunk: Any) -> None:
            super().append(chunk)
            sinks[2].subscriber.close()

    rig = TopicRig()
    sinks = [rig.join() for _ in range(4)]
    await rig.settle()
    sinks[1].chunks = ClosingList(sinks[1].chunks)
    rig.publish([1])
    rig.publish([1])
    assert [len(sink.places) for sink in sinks] == [2, 2, 0, 2]


async def test_the_subscribers_of_a_topic_that_cannot_keep_up_receive_lagged() -> None:
    rig = TopicRig(SlowRenderer(), max_pending=5)
    sink = rig.join()
    await rig.settle()
    for _ in range(10):
        rig.publish([1])
    await rig.settle()
    assert sink.lagged_at is not None
    resumed = rig.join(sink.lagged_at)
    await rig.settle()
    assert sink.places + resumed.places == rig.log.places
