"""How many handshakes an address gets."""

from __future__ import annotations

import pytest

from api.limits.handshake_rate import BURST_SECONDS, HandshakeRate
from api.limits.rate_settings import RateSettings
from domain.kernel.limit_errors import RateLimited


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def _accepted(rate: HandshakeRate, address: str | None, tries: int = 1_000) -> int:
    """Return how many handshakes of so many are accepted, one after the other."""
    for accepted in range(tries):
        try:
            rate.take(address)
        except RateLimited:
            return accepted
    return tries


def test_an_address_gets_a_burst_at_once_and_then_the_rate() -> None:
    """Refused ones count for nothing: a client that tries again and again gets in."""
    clock, refused = Clock(), list[str]()
    rate = HandshakeRate(2.0, refused.append, clock)
    assert _accepted(rate, "10.0.0.1") == 2 * BURST_SECONDS
    assert _accepted(rate, "10.0.0.2") == 2 * BURST_SECONDS
    for _ in range(100):
        assert _accepted(rate, "10.0.0.1") == 0
    clock.now = 10.0
    assert _accepted(rate, "10.0.0.1") == 20
    with pytest.raises(RateLimited) as limited:
        rate.take("10.0.0.1")
    assert limited.value.retry_after == 0.5
    assert set(refused) == {"handshakes"}


def test_a_client_without_an_address_has_no_rate() -> None:
    """It comes over a Unix socket: all clients of a proxy would be one."""
    assert _accepted(HandshakeRate(0.1), None) == 1_000


def test_the_pages_behind_one_address_reconnect_at_once() -> None:
    """When a server restarts."""
    rate = HandshakeRate.of(RateSettings(), lambda _: None)
    assert rate is not None
    assert _accepted(rate, "10.0.0.1") >= 300
