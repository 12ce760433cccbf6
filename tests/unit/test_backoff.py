"""Pauses between tries."""

from __future__ import annotations

from domain.kernel.errors import Unavailable
from subscriptions.feed.backoff import OUTAGE_CAP, Backoff


def test_pauses_grow_up_to_the_cap():
    backoff = Backoff(first=0.1, cap=5.0)
    pauses = [backoff.pause() for _ in range(20)]
    assert 0.05 <= pauses[0] <= 0.1
    assert all(2.5 <= pause <= 5.0 for pause in pauses[6:])


def test_an_outage_is_not_prolonged_by_long_pauses():
    backoff = Backoff(first=0.1, cap=5.0)
    pauses = [backoff.pause(Unavailable("MongoDB did not answer")) for _ in range(20)]
    assert max(pauses) <= OUTAGE_CAP


def test_after_a_success_the_pauses_are_short_again():
    backoff = Backoff(first=0.1, cap=5.0)
    for _ in range(20):
        backoff.pause()
    backoff.reset()
    assert backoff.pause() <= 0.1
