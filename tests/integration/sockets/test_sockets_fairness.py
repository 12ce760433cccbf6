"""One client that floods its socket, and the others, who must not wait for it (E3)."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Any, cast

import pytest
from websockets.frames import Frame, Opcode

from api.transports.sockets.registry import PLACE_TIME
from tests.helpers.floods import FLOODS
from tests.helpers.raw_sockets import HANDSHAKE, RawSocket, raw_socket, text
from tests.helpers.socket_rig import EVENTS, Rig, socket_rig, until

SIZE = 200_000
"""Bytes that arrive at once; the loop may read more than that in one turn."""


def ping(data: bytes) -> bytes:
    return Frame(Opcode.PING, data).serialize(mask=True)


def beginning(name: str) -> bytes:
    """Return the first bytes of a flood, with whole frames."""
    sent = bytearray()
    batches = FLOODS[name]()
    while len(sent) < SIZE:
        sent += next(batches)
    return bytes(sent)


async def pong(socket: RawSocket, data: bytes) -> None:
    """Read up to the answer to this ping."""
    while (frame := await socket.frame()) != Frame(Opcode.PONG, data):
        assert frame is not None


@pytest.mark.parametrize("name", [name for name in FLOODS if name != "giant-messages"])
async def test_E3_another_client_is_answered_before_a_flood_is_handled(name: str) -> None:
    """However many frames one client has sent, the next message of another comes between them."""
    async with (
        socket_rig(max_operation_rate=1e9, max_frame_rate=1e9, max_operations=10**6) as rig,
        raw_socket(rig.port) as flooding,
        raw_socket(rig.port) as other,
    ):
        flooding.writer.write(ping(b"first") + beginning(name) + ping(b"last"))
        await pong(flooding, b"first")
        last = asyncio.create_task(pong(flooding, b"last"))
        other.send({"type": "ping"})
        assert await other.receive() == {"type": "pong"}
        assert not last.done()
        await last


async def test_E3_a_socket_that_sends_too_many_frames_is_closed_after_the_grace() -> None:
    async with socket_rig(max_frame_rate=100.0, flood_grace=0.3) as rig, raw_socket(rig.port) as socket:
        assert await code_after(socket, 500 * ping(b"")) == 4429
        await until(lambda: rig.closes == {"4429": 1})


async def test_E3_a_socket_that_starts_too_many_operations_is_closed_after_the_grace() -> None:
    async with (
        socket_rig(max_operation_rate=50.0, max_operations=10, flood_grace=0.3) as rig,
        raw_socket(rig.port) as socket,
    ):
        subscribe = text({"type": "subscribe", "id": "1", "payload": EVENTS})
        assert await code_after(socket, 20 * (subscribe + text({"type": "complete", "id": "1"}))) == 4429
        await until(lambda: rig.closes == {"4429": 1})
        assert len(rig.streams) < 200


async def code_after(socket: RawSocket, batch: bytes) -> int | None:
    """Send the batch again and again; return the code with which the server closes."""
    reading = asyncio.create_task(socket.closed())
    while not reading.done() and not socket.writer.transport.is_closing():
        socket.writer.write(batch)
        await asyncio.sleep(0.01)
    return await reading


async def test_a_client_that_sends_a_burst_is_slowed_down_and_served_whole() -> None:
    """Nothing is lost where a client is slowed down for a moment."""
    async with socket_rig(max_frame_rate=200.0) as rig, raw_socket(rig.port) as socket:
        for number in range(500):
            socket.send({"type": "ping", "payload": {"number": number}})
        numbers = [(await socket.receive())["payload"]["number"] for _ in range(500)]
        assert numbers == list(range(500))


async def test_a_client_may_start_as_many_operations_at_once_as_may_run(rig: Rig) -> None:
    async with raw_socket(rig.port) as socket:
        for number in range(100):
            socket.send({"type": "subscribe", "id": str(number), "payload": EVENTS})
        await rig.stream(99)
        assert rig.sockets.operations == 100


async def test_E3_sockets_without_connection_init_are_bounded_and_leave_room_for_others() -> None:
    """A quarter of all sockets may wait, and a hundredth for one address, but 100 in any case."""
    async with socket_rig(max_sockets=1_000, init_timeout=30.0) as rig, AsyncExitStack() as stack:
        for _ in range(99):
            await stack.enter_async_context(raw_socket(rig.port, init=False))
        waiting = await stack.enter_async_context(raw_socket(rig.port, init=False))
        assert await status_of_handshake(rig.port) == 429
        waiting.send({"type": "connection_init"})
        assert await waiting.receive() == {"type": "connection_ack"}
        async with raw_socket(rig.port) as socket:
            socket.send({"type": "ping"})
            assert await socket.receive() == {"type": "pong"}
    await until(lambda: rig.sockets.open == 0)


async def test_E3_places_of_sockets_that_a_client_drops_come_back_one_after_the_other() -> None:
    """Those of a client that drops all of its sockets at once, again and again, would keep others waiting."""
    async with socket_rig(init_timeout=30.0) as rig:
        rig.sockets.loop = timers = cast(Any, Timers(rig.sockets.loop))
        async with AsyncExitStack() as stack:
            for _ in range(100):
                await stack.enter_async_context(raw_socket(rig.port, init=False))
            dropped = rig.sockets.loop.time()
        await until(lambda: rig.sockets.open == 0)
        assert await status_of_handshake(rig.port) == 429
        assert len(timers.due) == 100
        assert timers.due[0] >= dropped + PLACE_TIME
        pauses = [late - early for early, late in pairwise(timers.due)]
        assert min(pauses) == pytest.approx(0.01)
        async with asyncio.timeout(30):
            while await status_of_handshake(rig.port) == 429:
                await asyncio.sleep(0.05)


class Timers:
    """A loop that keeps when timers are due."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.due: list[float] = []
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def call_at(self, when: float, *arguments: Any) -> asyncio.TimerHandle:
        self.due.append(when)
        return self._loop.call_at(when, *arguments)


async def status_of_handshake(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HANDSHAKE.format(path="/graphql").encode())
    head = await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()
    return int(head.split()[1])
