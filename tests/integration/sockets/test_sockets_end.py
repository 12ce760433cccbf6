"""How sockets end: pings without an answer, clients that vanish, and a server that stops."""

from __future__ import annotations

import asyncio

import pytest
from websockets.frames import Frame, Opcode

from api.graphql.execution.visible_apis import VisibleApi
from tests.helpers.raw_sockets import RawSocket, raw_socket
from tests.helpers.socket_rig import EVENTS, Rig, socket_rig, until
from tests.helpers.token_access import Tokens

NAME = {"query": "{ __typename }"}


def subscribe(socket: RawSocket, id: str, payload: dict[str, str]) -> None:
    socket.send({"type": "subscribe", "id": id, "payload": payload})


async def test_an_idle_socket_with_subscriptions_has_no_task(rig: Rig) -> None:
    async with raw_socket(rig.port) as socket:
        before = asyncio.all_tasks()
        for number in range(10):
            subscribe(socket, str(number), EVENTS)
        await rig.stream(9)
        assert asyncio.all_tasks() == before
    async with raw_socket(rig.port):
        assert asyncio.all_tasks() == before


async def test_I11_who_answers_no_ping_is_cut_and_what_it_held_is_free() -> None:
    async with (
        # A socket is cut that misses two pings, so a busy machine has a second for those of the good one.
        socket_rig(ping_interval=0.5) as rig,
        raw_socket(rig.port) as silent,
        raw_socket(rig.port) as good,
    ):
        answering = asyncio.create_task(_answer(good))
        subscribe(silent, "1", EVENTS)
        stream = await rig.stream()
        assert await silent.closed() is None
        await until(lambda: stream.closed)
        assert rig.closes == {"1006": 1}
        subscribe(good, "1", NAME)
        await until(lambda: rig.sockets.operations == 0)
        assert rig.sockets.open == 1
        answering.cancel()


async def _answer(socket: RawSocket) -> None:
    while frame := await socket.frame():
        if frame.opcode is Opcode.PING:
            socket.writer.write(Frame(Opcode.PONG, frame.data).serialize(mask=True))


async def test_I11_what_runs_ends_with_a_socket_that_is_cut_off(rig: Rig) -> None:
    async with raw_socket(rig.port) as socket:
        # A document that is known is executed at once.
        subscribe(socket, "0", NAME)
        assert [(await socket.receive())["type"] for _ in range(2)] == ["next", "complete"]
        rig.let.clear()
        subscribe(socket, "live", EVENTS)
        for number in range(40):
            subscribe(socket, str(number), NAME)
        stream = await rig.stream()
        await until(lambda: rig.sockets.operations == 41)
    await until(lambda: (rig.sockets.open, rig.sockets.operations) == (0, 0))
    assert (stream.closed, rig.closes) == (True, {"1006": 1})


async def test_who_half_closes_is_gone_whatever_there_was_for_it_to_take() -> None:
    async with socket_rig(close_timeout=0.2) as rig, raw_socket(rig.port) as socket:
        subscribe(socket, "1", EVENTS)
        stream = await rig.stream()
        stream.deliver(b"1" * 10_000_000)
        socket.writer.write_eof()
        await until(lambda: stream.closed)
        await until(lambda: rig.sockets.open == 0)


async def test_a_close_is_answered_behind_all_that_was_sent(rig: Rig) -> None:
    async with raw_socket(rig.port) as socket:
        subscribe(socket, "1", NAME)
        message = await socket.receive()
        assert message["payload"] == {"data": {"__typename": "Query"}}
        assert (await socket.receive())["type"] == "complete"
        ping = Frame(Opcode.PING, b"here").serialize(mask=True)
        close = Frame(Opcode.CLOSE, b"\x03\xe8bye").serialize(mask=True)
        socket.writer.write(ping + close)
        pong = await socket.frame()
        assert pong == Frame(Opcode.PONG, b"here")
        assert await socket.frame() == Frame(Opcode.CLOSE, b"\x03\xe8bye")
        assert await socket.frame() is None
    await until(lambda: rig.closes == {"1000": 1})


async def test_a_stopping_server_finishes_what_ends_by_itself_and_asks_to_come_back(rig: Rig) -> None:
    async with raw_socket(rig.port) as socket:
        # A document that is known is executed at once.
        subscribe(socket, "0", NAME)
        assert [(await socket.receive())["type"] for _ in range(2)] == ["next", "complete"]
        rig.let.clear()
        subscribe(socket, "live", EVENTS)
        subscribe(socket, "once", NAME)
        stream = await rig.stream()
        await until(lambda: rig.sockets.operations == 2)
        stream.deliver(b'{"data":1}', b'{"data":2}')
        rig.stop()
        await until(lambda: stream.closed)
        subscribe(socket, "late", NAME)
        socket.send({"type": "ping"})
        assert [(await socket.receive())["payload"] for _ in range(2)] == [{"data": 1}, {"data": 2}]
        assert await socket.receive() == {"type": "pong"}
        rig.let.set()
        assert await socket.receive() == {
            "id": "once", "type": "next", "payload": {"data": {"__typename": "Query"}}
        }  # fmt: skip
        assert await socket.receive() == {"id": "once", "type": "complete"}
        assert await socket.frame() == Frame(Opcode.CLOSE, b"\x03\xf4reconnect and resume")


async def test_a_stopping_server_does_not_wait_for_who_does_not_read() -> None:
    async with socket_rig(close_timeout=0.2) as rig, raw_socket(rig.port) as socket:
        subscribe(socket, "1", EVENTS)
        stream = await rig.stream()
        while not stream.paused:
            stream.deliver(b"1" * 50_000)
            await asyncio.sleep(0)
        rig.stop()
        await until(lambda: stream.closed)
        await until(lambda: rig.sockets.open == 0)
        assert rig.closes == {"1012": 1}


async def test_I11_queries_of_who_stops_reading_wait_until_it_reads_again(rig: Rig) -> None:
    async with raw_socket(rig.port) as socket:
        # A document that is known is executed at once.
        subscribe(socket, "0", NAME)
        assert [(await socket.receive())["type"] for _ in range(2)] == ["next", "complete"]
        rig.let.clear()
        subscribe(socket, "live", EVENTS)
        for number in range(40):
            subscribe(socket, str(number), NAME)
        stream = await rig.stream()
        await until(lambda: rig.sockets.operations == 41)
        told = 0
        while not stream.paused:
            stream.deliver(b'"%b"' % (b"x" * 50_000))
            told += 1
            await asyncio.sleep(0)
        rig.let.set()
        # Those whose turn it was are done, and the others have none.
        await until(lambda: rig.sockets.operations == 9)
        answers = [await socket.receive() for _ in range(told + 2 * 40)]
    assert {answer["id"] for answer in answers} == {"live", *map(str, range(40))}


async def test_queries_of_one_socket_run_a_few_at_a_time_and_all_are_answered(rig: Rig) -> None:
    rig.let.clear()
    async with raw_socket(rig.port) as socket:
        before = len(asyncio.all_tasks())
        for number in range(100):
            subscribe(socket, str(number), NAME)
        await until(lambda: rig.sockets.operations == 100)
        await until(lambda: len(asyncio.all_tasks()) == before + 32)
        # One that runs and one that waits are called off; what waits moves up.
        for number in (0, 99):
            socket.send({"type": "complete", "id": str(number)})
        await until(lambda: rig.sockets.operations == 98)
        rig.let.set()
        answers = [await socket.receive() for _ in range(2 * 98)]
    assert {answer["id"] for answer in answers} == {str(number) for number in range(1, 99)}


async def test_no_longer_is_waited_for_who_it_is_than_for_an_init() -> None:
    tokens = Tokens()
    tokens.hold_back("slow")
    async with socket_rig(tokens, init_timeout=1.0) as rig, raw_socket(rig.port, init=False) as socket:
        socket.send({"type": "connection_init", "payload": {"authorization": "Bearer slow"}})
        assert await socket.closed() == 4408
        assert tokens.asked == ["slow"]


async def test_a_fault_in_the_preparation_of_an_operation_ends_the_socket(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It neither waits for ever, nor keeps its place among the operations."""

    def fail(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(VisibleApi, "prepare", fail)
    async with raw_socket(rig.port) as socket:
        subscribe(socket, "1", EVENTS)
        await until(lambda: rig.closes == {"1011": 1})
    assert "an operation could not be started" in caplog.text
