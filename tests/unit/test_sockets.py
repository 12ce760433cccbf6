"""The pure parts of sockets: joined writes, signs of life, turns, and frames as a client reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from api.transports.sockets.frames import PING, message_frame, next_frames, text_frame
from api.transports.sockets.life import Life
from api.transports.sockets.outbox import JOINED, Joint, Outbox
from api.transports.sockets.turns import AT_ONCE, Turns
from subscriptions.hub.sinks import Chunk


class Pipe(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


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


async def test_what_is_written_in_one_iteration_goes_out_as_one_piece() -> None:
    joint, pipes = Joint(asyncio.get_running_loop()), [Pipe(), Pipe()]
    outboxes = [Outbox(pipe, joint) for pipe in pipes]
    for number in range(3):
        for outbox in outboxes:
            outbox.write(b"%d" % number)
    assert [outbox.outstanding for outbox in outboxes] == [3, 3]
    await asyncio.sleep(0)
    assert [pipe.written for pipe in pipes] == [[b"012"], [b"012"]]
    outboxes[0].write(b"3")
    await asyncio.sleep(0)
    assert (pipes[0].written, outboxes[0].taken) == ([b"012", b"3"], 4)


async def test_much_does_not_wait_for_the_end_of_the_iteration() -> None:
    pipe = Pipe()
    outbox = Outbox(pipe, Joint(asyncio.get_running_loop()))
    for _ in range(5):
        outbox.write(b"x" * (JOINED - 1))
        assert outbox.outstanding < JOINED
    assert len(pipe.written) == 2


async def test_nothing_goes_out_of_a_sealed_outbox_but_what_was_in_it() -> None:
    pipe = Pipe()
    outbox = Outbox(pipe, Joint(asyncio.get_running_loop()))
    outbox.write(b"in time")
    outbox.seal()
    outbox.write(b"late")
    await asyncio.sleep(0)
    assert pipe.written == [b"in time"]


@pytest.mark.parametrize(
    ("looks", "over"),
    [
        # Each look: whether something was heard before it, bytes taken by then, bytes outstanding.
        ([(True, 2, 0), (False, 4, 0), (False, 6, 0)], True),
        ([(True, 2, 0), (False, 4, 0), (True, 6, 0), (False, 8, 0)], False),
        # The kernel of one side takes small pings long after the other side is gone: that shows nothing.
        ([(True, 2, 0), (False, 900, 50), (False, 900, 60), (False, 900, 70)], True),
        # What was stuck moves: somebody reads, if slowly.
        ([(True, 900, 50), (False, 901, 50), (False, 902, 50), (False, 903, 50)], False),
        ([(True, 900, 50), (False, 901, 0), (False, 903, 0), (False, 905, 0)], True),
    ],
)
def test_signs_of_life_are_what_is_heard_and_what_is_taken_of_a_backlog(
    looks: Sequence[tuple[bool, int, int]], over: bool
) -> None:
    life = Life()
    for heard, taken, outstanding in looks:
        life.heard = life.heard or heard
        last = life.over(taken, outstanding)
    assert last is over


class Job:
    def __init__(self, started: list[Job]) -> None:
        self._started = started

    def start(self) -> None:
        self._started.append(self)


@given(
    st.lists(st.sampled_from(["add", "done", "drop", "hold", "release"]), max_size=200), st.integers(0, 50)
)
def test_turns_start_each_once_in_order_and_never_too_many(moves: list[str], first: int) -> None:
    turns, started, added, gone = Turns(), list[Job](), list[Job](), set[Job]()
    held = False
    for move in ["add"] * first + moves:
        running = [job for job in started if job not in gone]
        waiting = [job for job in added if job not in gone and job not in started]
        if move == "add":
            added.append(Job(started))
            turns.add(added[-1])
        elif move == "hold":
            turns.hold()
            held = True
        elif move == "release":
            held = False
            turns.release()
        elif found := running if move == "done" else waiting:
            gone.add(found[0])
            turns.remove(found[0])
        running = [job for job in started if job not in gone]
        waiting = [job for job in added if job not in gone and job not in started]
        assert len(running) <= AT_ONCE
        assert started == [job for job in added if job in started]
        assert held or not waiting or len(running) == AT_ONCE


SIZES = (0, 1, 50, 75, 80, 126, 1_000, 65_450, 65_500, 66_000)


@given(
    st.text(min_size=1),
    st.lists(st.sampled_from(SIZES).map(lambda size: b'"%b"' % (b"x" * size)), max_size=3),
)
def test_results_are_framed_as_next_messages(id: str, results: list[bytes]) -> None:
    frames = read(Chunk(results).framed(id, next_frames(id)))
    assert all(frame.opcode is Opcode.TEXT and frame.fin for frame in frames)
    assert [orjson.loads(frame.data) for frame in frames] == [
        {"id": id, "type": "next", "payload": orjson.loads(result)} for result in results
    ]


@given(st.dictionaries(st.text(), st.text() | st.integers(0, 9)), st.lists(st.binary(), max_size=3))
def test_other_frames_are_what_they_say(message: dict[str, object], parts: list[bytes]) -> None:
    first, second, third = read(message_frame(message) + PING + text_frame(*parts))
    assert (first.opcode, orjson.loads(first.data)) == (Opcode.TEXT, message)
    assert (second.opcode, second.data) == (Opcode.PING, b"")
    assert (third.opcode, third.data) == (Opcode.TEXT, b"".join(parts))
