"""Sockets: what goes out, when it stops going out, and how a socket ends (I11)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from api.graphql.execution.parsing_turns import ParsingTurns
from api.limits.time_slices import give_way
from api.transports.sockets.outbox import COALESCED_BYTES
from tests.helpers.raw_sockets import RawSocket, raw_socket
from tests.helpers.socket_rig import EVENTS, Rig


def subscribe(socket: RawSocket, id: str = "1") -> None:
    socket.send({"type": "subscribe", "id": id, "payload": EVENTS})


def result(number: int, size: int = 0) -> bytes:
    return b'{"data":{"number":%d,"filler":"%b"}}' % (number, b"x" * size)


@asynccontextmanager
async def occupied(turns: ParsingTurns) -> AsyncIterator[None]:
    """Parse something until the end of the block."""
    ends = False

    def parse() -> None:
        while not ends:
            give_way()

    parsing = asyncio.create_task(turns.run(parse))
    try:
        yield
    finally:
        ends = True
        await parsing


async def numbers(socket: RawSocket, last: int) -> list[int]:
    """The numbers of the results up to this one."""
    seen = [-1]
    while seen[-1] < last:
        message = await socket.receive()
        assert message["type"] == "next"
        seen.append(message["payload"]["data"]["number"])
    return seen[1:]


async def test_results_of_any_size_come_whole_and_in_order(rig: Rig) -> None:
    sizes = [0, 50, 125, 126, 127, 1_000, 65_400, 65_600, 200_000]
    async with raw_socket(rig.port) as socket:
        subscribe(socket)
        stream = await rig.stream()
        for number, size in enumerate(sizes):
            stream.deliver(result(number, size))
        for number, size in enumerate(sizes):
            message = await socket.receive()
            data = {"number": number, "filler": "x" * size}
            assert message == {"id": "1", "type": "next", "payload": {"data": data}}


async def test_I11_who_stops_reading_pauses_its_own_subscriptions_alone(rig: Rig) -> None:
    """And gets all that it was spared once it reads again, in order."""
    async with raw_socket(rig.port) as slow, raw_socket(rig.port) as good:
        for socket in (slow, good):
            subscribe(socket)
        first, second = await rig.stream(0), await rig.stream(1)
        numbered = count()
        while not first.paused:
            number = next(numbered)
            first.deliver(result(number, 5_000))
            assert rig.sockets.outstanding <= 50_000 + COALESCED_BYTES + 6_000
            await asyncio.sleep(0)
        assert not second.paused
        second.deliver(result(0))
        assert await numbers(good, 0) == [0]
        # What is told while nothing is read any more: the paused one goes on when it may.
        first.resumed = lambda: first.deliver(result(number + 1))
        assert await numbers(slow, number + 1) == list(range(number + 2))


async def test_I11_who_stops_reading_is_not_read_from(rig: Rig) -> None:
    """Else answers to its pings and queries would pile up."""
    async with raw_socket(rig.port) as socket, raw_socket(rig.port) as other:
        subscribe(socket)
        stream = await rig.stream()
        for number in count():
            if stream.paused:
                break
            stream.deliver(result(number, 5_000))
            await asyncio.sleep(0)
        socket.send({"type": "ping"})
        subscribe(socket, "2")
        other.send({"type": "ping"})
        assert await other.receive() == {"type": "pong"}
        assert len(rig.streams) == 1
        assert await numbers(socket, number - 1) == list(range(number))
        assert await socket.receive() == {"type": "pong"}
        assert not (await rig.stream(1)).paused


async def test_a_new_document_waits_for_its_turn_and_known_ones_go_on(rig: Rig) -> None:
    """An operation that is completed meanwhile never starts."""
    new = {"query": f"{EVENTS['query']} # new"}
    async with raw_socket(rig.port) as socket:
        subscribe(socket, "first")
        await rig.stream()
        async with occupied(rig.turns):
            for operation in ("waits", "ends"):
                socket.send({"type": "subscribe", "id": operation, "payload": new})
            socket.send({"type": "complete", "id": "ends"})
            subscribe(socket, "known")
            (await rig.stream(1)).deliver(result(1))
            assert (await socket.receive())["id"] == "known"
            assert len(rig.streams) == 2
        (await rig.stream(2)).deliver(result(2))
        assert (await socket.receive())["id"] == "waits"
        assert len(rig.streams) == 3
