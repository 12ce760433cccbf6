"""The limits on what a socket may send: tokens that come back, and the work of one turn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.limits.token_bucket import TokenBucket
from api.transports.sockets.inflow import LONG_PIECE, Inflow, TurnQueue
from api.transports.sockets.socket_rates import SocketRates


@given(st.floats(0.1, 1_000), st.floats(1, 1_000), st.lists(st.tuples(st.floats(0, 10), st.integers(0, 50))))
def test_a_client_that_waits_as_long_as_it_must_never_exceeds_rate_and_burst(
    rate: float, burst: float, steps: Sequence[tuple[float, int]]
) -> None:
    """What is taken at once may exceed the tokens; the debt is waited for."""
    now, taken, largest = 100.0, 0, 0
    bucket = TokenBucket(rate, burst, now)
    for pause, tokens in steps:
        now += pause + bucket.delay(now + pause)
        assert bucket.refill(now) >= -1e-6
        bucket.take(tokens)
        taken, largest = taken + tokens, max(largest, tokens)
        assert taken <= burst + rate * (now - 100.0) + largest + 1e-6


def rates(grace: float = 5.0) -> SocketRates:
    return SocketRates(operations=10, frames=100, burst=20, grace=grace, now=0.0)


def test_a_reconnecting_client_starts_all_its_operations_at_once() -> None:
    """As many as may run at a time, with a frame each."""
    socket = rates()
    for _ in range(20):
        socket.count_frame(0)
        socket.count_operation()
    assert socket.delay(0.0) == 0.0
    socket.count_operation()
    assert socket.delay(0.0) == 0.1


def test_a_large_frame_counts_as_several() -> None:
    socket = rates()
    socket.count_frame(1_000_000)
    assert socket.delay(0.0) == pytest.approx((1 + 244 - 200) / 100)


def test_a_client_is_flooding_when_it_is_slowed_down_for_longer_than_the_grace() -> None:
    socket = rates()
    now = 0.0
    while now < 4.9:
        for _ in range(50):
            socket.count_frame(0)
        now += socket.delay(now)
        assert not socket.is_flooded(now)
    while not socket.is_flooded(now):
        for _ in range(50):
            socket.count_frame(0)
        now += socket.delay(now)
    assert 5.0 < now < 7.0


def test_a_client_that_pauses_after_a_burst_is_not_flooding() -> None:
    socket = rates()
    for now in (0.0, 10.0, 20.0, 30.0):
        delays = []
        for number in range(300):
            socket.count_frame(0)
            if number % 50 == 0:
                delays.append(socket.delay(now))
        assert delays[0] == 0 < delays[-1]
        assert not socket.is_flooded(now)


class Reading(asyncio.Transport):
    """A transport of which only reading counts."""

    def __init__(self) -> None:
        super().__init__()
        self.is_paused = False

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def is_closing(self) -> bool:
        return False


MOVES = st.lists(
    st.tuples(st.just("receive"), st.integers(1, 20 * LONG_PIECE))
    | st.tuples(st.sampled_from(["hold", "release", "turn"]), st.just(0)),
    max_size=30,
)


@given(MOVES, st.integers(1, 5_000))
async def test_all_that_is_received_is_handled_in_order_and_nothing_while_it_is_held(
    moves: Sequence[tuple[str, int]], rate: int
) -> None:
    """Whatever the rates are, and wherever the turns end."""
    handled, expected, is_held, transport = bytearray(), bytearray(), False, Reading()
    socket = SocketRates(rate, 100 * rate, 1, 1_000.0, 0.0)

    def handle(data: bytes) -> None:
        assert not is_held
        assert len(data) <= LONG_PIECE
        handled.extend(data)
        socket.count_frame(0)

    loop: Any = QuickTimers()
    inflow = Inflow(transport, loop, TurnQueue(loop), socket, handle, lambda: None)
    for number, (move, size) in enumerate(moves):
        if move == "receive" and not transport.is_paused:
            data = bytes([number]) * size
            expected += data
            inflow.receive(data)
        elif move == "hold":
            is_held = True
            inflow.hold()
        elif move == "release":
            is_held = False
            inflow.release()
        elif move == "turn":
            loop.run_next()
        assert transport.is_paused or handled == expected
    is_held = False
    inflow.release()
    while loop.run_next():
        pass
    assert handled == expected
    assert not transport.is_paused


class QuickTimers:
    """A loop whose timers fire in their order, when the test says so."""

    def __init__(self) -> None:
        self._timers: list[asyncio.Handle] = []

    def call_later(self, _delay: float, callback: Any) -> asyncio.Handle:
        self._timers.append(asyncio.Handle(callback, (), asyncio.get_running_loop()))
        return self._timers[-1]

    def fire_next(self) -> None:
        """Fire the next timer; its exception reaches the caller."""
        self._timers.pop(0)._callback()  # type: ignore[attr-defined]

    def run_next(self) -> bool:
        """Fire the next timer, and return whether there was one."""
        if not self._timers:
            return False
        self._timers.pop(0)._run()
        return True


async def test_the_fault_of_one_socket_does_not_stop_the_others() -> None:
    """The queue goes on with the sockets behind it, and with those that come later."""
    loop: Any = QuickTimers()
    queue, served = TurnQueue(loop), list[str]()

    def fail() -> None:
        raise RuntimeError("a socket failed")

    queue.add(fail)
    queue.add(lambda: served.append("waiting"))
    with pytest.raises(RuntimeError):
        loop.fire_next()
    loop.fire_next()
    queue.add(lambda: served.append("later"))
    loop.fire_next()
    assert served == ["waiting", "later"]
