"""What is much goes out in pieces: who has enough with one need not take the rest."""

from __future__ import annotations

from subscriptions.live.ring import RingLimits
from tests.numbered_topic import AtOnce, Hub, Past


async def test_who_has_enough_with_a_piece_of_what_is_told_at_once_gets_the_rest_later() -> None:
    hub = Hub(AtOnce(), RingLimits(chunk=30), Past(1_000))
    slow, fast = hub.join(None), hub.join(None)
    await hub.settle()
    slow.chunks.clear()
    slow.pausing = True
    hub.tell([4, 3])
    assert [len(chunk.results) for chunk in slow.chunks] == [3]
    assert fast.places == hub.past.places
    slow.pausing = False
    assert slow.member is not None
    slow.member.resume()
    await hub.settle()
    assert slow.places == hub.past.places
