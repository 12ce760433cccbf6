"""When a webhook's deliveries are tried again: pauses, the circuit of a target, and the order of streams."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from domain.kernel import RecordedEvent
from domain.testing import NOON
from projections.testing import History
from subscriptions.publishing.retry_schedule import RetrySchedule
from subscriptions.publishing.stream_queues import EventQueues
from subscriptions.publishing.target_circuit import MAX_FAILING, TargetCircuit
from subscriptions.publishing.waiting_streams import WaitingStreams
from tests.helpers.notes import Scored

DAY = timedelta(days=1)
SCHEDULE = RetrySchedule(first=5.0, longest=3600.0, give_up_after=3 * DAY)


@given(st.integers(1, 200), st.floats(0, 3 * 86_400 - 1), st.none() | st.floats(0, 10**6))
def test_a_pause_is_jittered_capped_and_never_shorter_than_asked_for(
    failures: int, seconds: float, retry_after: float | None
) -> None:
    """Between half of the doubled pause and all of it, but not after the end of the time."""
    now = NOON + timedelta(seconds=seconds)
    due = SCHEDULE.next_attempt(failures, NOON, now, retry_after)
    assert due is not None
    pause, left = (due - now).total_seconds(), 3 * 86_400 - seconds
    full = min(3600.0, 5.0 * 2 ** min(failures - 1, 20))
    tolerance = 0.001
    assert pause <= min(max(full, retry_after or 0), left) + tolerance
    assert pause >= min(max(full / 2, retry_after or 0), left) - tolerance


def test_an_event_is_given_up_after_its_time() -> None:
    """The last attempt is at the end of the time."""
    end = NOON + 3 * DAY
    assert SCHEDULE.next_attempt(90, NOON, end, None) is None
    assert SCHEDULE.next_attempt(90, NOON, end - timedelta(seconds=1), None) == end


def test_three_days_have_about_a_hundred_attempts() -> None:
    """The pauses grow from five seconds to an hour."""
    now, failures = NOON, 1
    while (due := SCHEDULE.next_attempt(failures, NOON, now)) is not None:
        now, failures = due, failures + 1
    assert now == NOON + 3 * DAY
    assert 70 < failures < 170


def test_a_circuit_opens_after_failures_in_a_row_and_closes_after_a_success() -> None:
    """Its pauses grow; while it is open the target gets one request at a time."""
    time = 0.0
    circuit = TargetCircuit(lambda: time)
    for number in range(MAX_FAILING - 1):
        circuit.failed([f"note-{number}"])
    for _ in range(20):
        circuit.failed(["note-0"])
    assert not circuit.is_open, "one event that is refused again and again shows nothing of the others"
    assert circuit.pause == 0
    pauses: list[float] = []
    for _ in range(8):
        circuit.failed(["note-x"])
        assert circuit.is_open
        pauses.append(circuit.pause)
        time += circuit.pause
        assert circuit.pause == 0
    assert 0.5 <= pauses[0] <= 1.0
    assert 30 <= pauses[-1] <= 60
    circuit.failed(["note-y"])
    pause = circuit.pause
    circuit.failed(["note-z"])
    assert circuit.pause == pause, "it was under way when the pause began"
    circuit.succeeded()
    assert not circuit.is_open


def test_a_target_is_left_alone_as_long_as_it_asks_for() -> None:
    """Also when its circuit is not open."""
    time = 0.0
    circuit = TargetCircuit(lambda: time)
    circuit.failed(["note-0"], retry_after=120)
    assert circuit.pause == 120
    circuit.failed(["note-1"])
    assert circuit.pause == 120
    time = 120
    assert circuit.pause == 0


def test_a_waiting_stream_goes_on_once_nothing_is_behind_it() -> None:
    waiting = WaitingStreams()
    waiting.add("note-1", 5, is_dead=True)
    assert ("note-1" in waiting, waiting.pending) == (True, 0)
    waiting.begin("note-1", 5)
    assert (set(waiting.retried), waiting.pending) == ({"note-1"}, 1)
    waiting.note("note-1", 9)
    assert not waiting.release("note-1", 8)
    assert waiting.release("note-1", 9)
    waiting.end("note-1")
    assert ("note-1" in waiting, set(waiting.retried)) == (False, set())


class Queues(RuleBasedStateMachine):
    """Queues under any order of additions, requests, successes and failures."""

    requests = Bundle("requests")

    @initialize()
    def begin(self) -> None:
        self.queues = EventQueues()
        self.history = History()
        self.waiting: dict[str, list[RecordedEvent]] = {}
        self.sent: dict[str, list[RecordedEvent]] = {}

    @rule(stream=st.sampled_from(["note-a", "note-b", "note-c"]))
    def add(self, stream: str) -> None:
        event = self.history.add(stream, Scored(by=1)).events[-1]
        self.queues.add(event)
        self.waiting.setdefault(stream, []).append(event)

    @rule(limit=st.integers(1, 3), target=requests)
    def take(self, limit: int) -> list[RecordedEvent]:
        events = self.queues.take(limit)
        for event in events:
            assert self.waiting[event.stream].pop(0) is event, "the first event of its stream"
        for stream in {event.stream for event in events}:
            assert not self.sent.get(stream), "no other request has events of the stream"
            self.sent[stream] = [event for event in events if event.stream == stream]
        return events

    @rule(events=consumes(requests))
    def deliver(self, events: list[RecordedEvent]) -> None:
        self.queues.deliver(events)
        for event in events:
            self.sent.pop(event.stream, None)

    @rule(events=consumes(requests))
    def fail(self, events: list[RecordedEvent]) -> None:
        self.queues.set_aside(events)
        for event in events:
            self.sent.pop(event.stream, None)
            self.waiting.pop(event.stream, None)

    @invariant()
    def counts_what_is_neither_delivered_nor_set_aside(self) -> None:
        events = [event for each in (*self.waiting.values(), *self.sent.values()) for event in each]
        assert self.queues.size == len(events)
        assert self.queues.first_position == min((event.position for event in events), default=None)
        ready = {stream for stream, each in self.waiting.items() if each and not self.sent.get(stream)}
        assert self.queues.has_ready == bool(ready)


TestQueues = Queues.TestCase
