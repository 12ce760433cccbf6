"""A large batch is delivered in chunks: a subscriber with enough outstanding need not accept the rest."""

from __future__ import annotations

from subscriptions.live.ring import RingLimits
from tests.helpers.topic_rig import TopicRig


async def test_a_subscriber_that_pauses_after_a_chunk_receives_the_rest_of_the_batch_later() -> None:
    rig = TopicRig(limits=RingLimits(chunk=30))
    slow, fast = rig.join(), rig.join()
    await rig.settle()
    slow.chunks.clear()
    slow.pausing = True
    rig.publish([4, 3])
    assert [len(chunk.results) for chunk in slow.chunks] == [3]
    assert fast.places == rig.log.places
    slow.pausing = False
    slow.subscriber.resume()
    await rig.settle()
    assert slow.places == rig.log.places
