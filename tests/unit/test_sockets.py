"""The pure parts of sockets: joined writes, liveness, the limiter, and frames as a client reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from api.transports.sockets.frames import PING, encoded_id, message_frame, next_frame, text_frame
from api.transports.sockets.limiter import MAX_RUNNING, Limiter
from api.transports.sockets.liveness import Liveness
from api.transports.sockets.outbox import COALESCED_BYTES, Outbox, WriteCoalescer
from api.transports.sockets.socket_operations import SubscriptionSink
from subscriptions.live.sinks import Chunk


class Pipe(asyncio.Transport):
    """A transport whose kernel takes so many bytes, and more when it is let."""

    def __init__(self, room: int = 1_000_000) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.outbox: Outbox | None = None
        self._room = room
        self._held = 0

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))
        self._held += len(data)
        self.let(0)

    def let(self, room: int) -> None:
        """The kernel takes so many bytes more."""
        before, self._room = self._held, self._room + room
        self._held -= (taken := min(self._held, self._room))
        self._room -= taken
        assert self.outbox is not None
        if self._held and not room:
            self.outbox.pause()
        elif before and not self._held and room:
            self.outbox.resume()

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return self._held


def outboxes(
    *pipes: Pipe, limit: int = 1_000_000, on_change: Callable[[str], None] = lambda _change: None
) -> list[Outbox]:
    """The outboxes of these transports in one loop."""
    coalescer = WriteCoalescer(asyncio.get_running_loop())
    full, drained = partial(on_change, "full"), partial(on_change, "drained")
    for pipe in pipes:
        pipe.outbox = Outbox(pipe, coalescer, limit, full, drained)
    return [pipe.outbox for pipe in pipes if pipe.outbox]


def read(data: bytes) -> list[Frame]:
    """The frames in there, as a client reads them."""
    client = ClientProtocol(parse_uri("ws://127.0.0.1"), state=State.OPEN, max_size=None)
    client.receive_data(data)
    assert client.parser_exc is None
    frames = []
    for event in client.events_received():
        assert isinstance(event, Frame)
        frames.append(event)
    return frames


async def test_what_is_written_in_one_iteration_goes_out_at_once_and_then_as_one_piece() -> None:
    pipes = [Pipe(), Pipe()]
    written = outboxes(*pipes)
    for number in range(4):
        for outbox in written:
            outbox.write(b"%d" % number)
    assert [pipe.written for pipe in pipes] == [[b"0"], [b"0"]]
    assert [outbox.outstanding for outbox in written] == [3, 3]
    await asyncio.sleep(0)
    assert [pipe.written for pipe in pipes] == [[b"0", b"123"], [b"0", b"123"]]
    written[0].write(b"4")
    assert pipes[0].written[-1] == b"4"


async def test_much_does_not_wait_for_the_end_of_the_iteration() -> None:
    pipe = Pipe()
    [outbox] = outboxes(pipe)
    for _ in range(6):
        outbox.write(b"x" * (COALESCED_BYTES - 1))
        assert outbox.outstanding < COALESCED_BYTES
    assert [len(piece) for piece in pipe.written] == [
        COALESCED_BYTES - 1,
        2 * (COALESCED_BYTES - 1),
        2 * (COALESCED_BYTES - 1),
    ]


async def test_nothing_goes_out_of_a_sealed_outbox_but_what_was_in_it() -> None:
    pipe = Pipe(0)
    [outbox] = outboxes(pipe)
    outbox.write(b"in ")
    outbox.write(b"time")
    outbox.seal()
    outbox.write(b"late")
    await asyncio.sleep(0)
    pipe.let(100)
    outbox.write(b"later")
    assert pipe.written == [b"in ", b"time"]


async def test_what_the_kernel_does_not_take_waits_here_and_producers_go_on_when_most_of_it_is_out() -> None:
    pipe, changes = Pipe(0), list[str]()
    [outbox] = outboxes(pipe, limit=399_999, on_change=changes.append)
    for _ in range(4):
        outbox.write(b"x" * 100_000)
    assert (len(pipe.written), outbox.outstanding, changes) == (1, 400_000, [])
    for _ in range(2):
        outbox.write(b"x" * 100_000)
        assert changes == ["full"]
    pipe.let(450_000)
    assert (outbox.outstanding, changes) == (150_000, ["full"])
    pipe.let(100_000)
    assert (outbox.outstanding, changes) == (50_000, ["full", "drained"])
    pipe.let(100_000)
    assert (len(b"".join(pipe.written)), changes) == (600_000, ["full", "drained"])


MOVES = st.lists(
    st.tuples(st.just("write"), st.integers(0, 60_000))
    | st.tuples(st.just("let"), st.integers(1, 150_000))
    | st.tuples(st.just("turn"), st.just(0)),
    max_size=60,
)


@given(MOVES, st.sampled_from([1_000, 50_000, 200_000]))
async def test_what_a_slow_client_is_sent_is_whole_and_its_producers_are_paused(
    moves: list[tuple[str, int]], limit: int
) -> None:
    pipe, paused, given = Pipe(10_000), False, bytearray()

    def note(change: str) -> None:
        nonlocal paused
        assert paused is (change == "drained")
        paused = change == "full"

    [outbox] = outboxes(pipe, limit=limit, on_change=note)
    for number, (move, size) in enumerate(moves):
        if move == "turn":
            await asyncio.sleep(0)
        elif move == "let":
            pipe.let(size)
        elif not paused:
            piece = bytes([number]) * size
            given += piece
            outbox.write(piece)
        assert outbox.outstanding <= limit + COALESCED_BYTES + 2 * 60_000
    while outbox.outstanding:
        await asyncio.sleep(0)
        pipe.let(100_000)
    assert not paused
    assert b"".join(pipe.written) == given


@pytest.mark.parametrize(
    ("checks", "alive"),
    [
        # Each check: whether a sign was seen before it, and how many bytes are stuck.
        ([(True, 0), (False, 0), (False, 0)], False),
        ([(True, 0), (False, 0), (True, 0), (False, 0)], True),
        ([(True, 50), (False, 50), (False, 50)], False),
        # What was stuck moves: the client reads, if slowly.
        ([(True, 50), (False, 49), (False, 48), (False, 47)], True),
        # That more is stuck than before is no sign.
        ([(True, 0), (False, 50), (False, 50)], False),
    ],
)
def test_signs_of_life_are_what_is_heard_and_what_is_taken_of_a_backlog(
    checks: Sequence[tuple[bool, int]], alive: bool
) -> None:
    liveness = Liveness()
    for seen, stuck in checks:
        if seen:
            liveness.note_sign()
        last = liveness.check(stuck)
    assert last is alive


class Job:
    def __init__(self, started: list[Job]) -> None:
        self._started = started

    def start(self) -> None:
        self._started.append(self)


@given(
    st.lists(st.sampled_from(["add", "done", "drop", "pause", "resume"]), max_size=200), st.integers(0, 50)
)
def test_the_limiter_starts_each_once_in_order_and_never_too_many(moves: list[str], first: int) -> None:
    limiter, started, added, gone = Limiter(), list[Job](), list[Job](), set[Job]()
    paused = False
    for move in ["add"] * first + moves:
        before = list(started) if paused and move != "resume" else None
        running = [job for job in started if job not in gone]
        waiting = [job for job in added if job not in gone and job not in started]
        if move == "add":
            added.append(Job(started))
            limiter.add(added[-1])
        elif move == "pause":
            limiter.pause()
            paused = True
        elif move == "resume":
            paused = False
            limiter.resume()
        elif found := running if move == "done" else waiting:
            gone.add(found[0])
            limiter.remove(found[0])
        running = [job for job in started if job not in gone]
        waiting = [job for job in added if job not in gone and job not in started]
        assert len(running) <= MAX_RUNNING
        assert before is None or started == before
        assert started == [job for job in added if job in started]
        assert paused or not waiting or len(running) == MAX_RUNNING


SIZES = (0, 1, 50, 75, 80, 126, 1_000, 65_450, 65_500, 66_000)


@given(
    st.lists(st.text(min_size=1) | st.sampled_from("12"), max_size=4),
    st.lists(st.sampled_from(SIZES).map(lambda size: b'"%b"' % (b"x" * size)), max_size=3),
)
async def test_results_are_framed_as_next_messages_of_each_operation(
    ids: list[str], results: list[bytes]
) -> None:
    chunk, pipes = Chunk(results), [Pipe() for _ in ids]
    for name, pipe, outbox in zip(ids, pipes, outboxes(*pipes), strict=True):
        SubscriptionSink(name, outbox, lambda _id: None).deliver(chunk)
        frames = read(b"".join(pipe.written))
        assert all(frame.opcode is Opcode.TEXT and frame.fin for frame in frames)
        assert [orjson.loads(frame.data) for frame in frames] == [
            {"id": name, "type": "next", "payload": orjson.loads(result)} for result in results
        ]
        assert read(b"".join(next_frame(encoded_id(name), result) for result in results)) == frames


@given(st.dictionaries(st.text(), st.text() | st.integers(0, 9)), st.binary())
def test_other_frames_are_what_they_say(message: dict[str, object], text: bytes) -> None:
    first, second, third = read(message_frame(message) + PING + text_frame(text))
    assert (first.opcode, orjson.loads(first.data)) == (Opcode.TEXT, message)
    assert (second.opcode, second.data) == (Opcode.PING, b"")
    assert (third.opcode, third.data) == (Opcode.TEXT, text)
