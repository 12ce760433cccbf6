"""A response that goes on: what it sends, when its subscription waits, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import cast

import pytest
from starlette.types import Message

from api.access.admissions import Admission, Admissions
from api.access.callers import OPEN, UNRESTRICTED, Caller
from api.graphql.execution.parsed_documents import ParsedDocument
from api.ids import now
from api.transports.response_formats import GRAPHQL, JSON, SSE, ResponseFormat, choose
from api.transports.response_streams import (
    ResponseStream,
    ResponseStreams,
    SingleSubscriptionSink,
    StreamResponse,
)
from api.transports.running_operations import RunningSubscription
from api.transports.single_connection import Reservations
from domain.kernel.errors import NotFound, Unavailable
from domain.kernel.limit_errors import RateLimited
from subscriptions.live.sinks import Chunk

LIMIT = 1_000


ADMISSIONS = Admissions(OPEN, now, limit=1)
ADMISSION = Admission(UNRESTRICTED)


class Recorded:
    """A subscription that records what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.when_resumed: Callable[[], object] = list

    def pause(self) -> None:
        self.asked.append("pause")

    def resume(self) -> None:
        self.asked.append("resume")
        self.when_resumed()

    def close(self) -> None:
        self.asked.append("close")


def running(subscription: Recorded) -> RunningSubscription:
    """The subscription as a stream keeps it, of a document that nobody asks for."""
    return RunningSubscription(subscription, cast(ParsedDocument, None), None)


class Client:
    """One side of an ASGI connection, which takes what is sent while it `reads`."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.left = asyncio.Event()
        self.taken = b""
        self.over = False
        self.offered = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            self.offered += 1
            await self.reads.wait()
            self.taken += message["body"]
            self.over = not message["more_body"]

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}


@asynccontextmanager
async def responding() -> AsyncIterator[tuple[ResponseStream, Client, Recorded, ResponseStreams]]:
    streams = ResponseStreams(ADMISSIONS, 60, LIMIT, max_streams=1)
    stream, client, subscription = streams.make(SSE, ADMISSION), Client(), Recorded()
    stream.add("", running(subscription))
    task = asyncio.create_task(
        StreamResponse(stream, lambda: streams.close(stream))({}, client.receive, client.send)
    )
    try:
        yield stream, client, subscription, streams
    finally:
        client.reads.set()
        client.left.set()
        await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0)


async def test_what_is_written_meanwhile_is_sent_at_once() -> None:
    async with responding() as (stream, client, _, _):
        client.reads.set()
        await until(lambda: client.taken == b":\n\n")
        sink = SingleSubscriptionSink(stream)
        sink.deliver(Chunk((b"1", b"2")))
        sink.deliver(Chunk((b"3",)))
        sink.end()
        sink.deliver(Chunk((b"4",)))
        await until(lambda: client.over)
    said = b"".join(b"event: next\ndata: %d\n\n" % number for number in (1, 2, 3))
    assert client.taken == b":\n\n" + said + b"event: complete\ndata:\n\n"
    assert client.offered == 3


async def test_a_subscription_waits_while_its_client_takes_nothing() -> None:
    async with responding() as (stream, client, subscription, _):
        await until(lambda: client.offered == 1)
        sink = SingleSubscriptionSink(stream)
        sink.deliver(Chunk((b"x" * LIMIT,)))
        assert subscription.asked == ["pause"]
        # One result may be on its way when it is paused; it is not lost, and not asked for again.
        sink.deliver(Chunk((b"y",)))
        assert subscription.asked == ["pause"]
        client.reads.set()
        await until(lambda: subscription.asked == ["pause", "resume"])
        assert client.taken.count(b"event") == 2
        sink.deliver(Chunk((b"x" * LIMIT,)))
        assert subscription.asked[-1] == "pause"


async def test_a_subscription_that_is_added_to_a_full_stream_waits_at_once() -> None:
    async with responding() as (stream, client, _, _):
        await until(lambda: client.offered == 1)
        stream.write(b"x" * 2 * LIMIT)
        late = Recorded()
        stream.add("late", running(late))
        assert late.asked == ["pause"]


@pytest.mark.parametrize("reads", [False, True])
async def test_a_client_that_leaves_closes_its_subscription(reads: bool) -> None:
    async with responding() as (stream, client, subscription, streams):
        await until(lambda: client.offered == 1)
        stream.write(b"x")
        if reads:
            client.reads.set()
            await until(lambda: client.taken.endswith(b"x"))
        client.left.set()
        await until(lambda: subscription.asked == ["close"])
    streams.drain()
    assert subscription.asked == ["close"]


async def test_who_takes_nothing_gets_no_signs_of_life_either() -> None:
    async with responding() as (stream, client, _, _):
        await until(lambda: client.offered == 1)
        stream.write(b"x")
        for _ in range(5):
            stream.check()
        client.reads.set()
        await until(lambda: client.taken == b":\n\nx")
        stream.check()
        await until(lambda: client.taken == b":\n\nx:\n\n")


async def test_no_stream_is_opened_by_a_server_that_goes() -> None:
    async with responding() as (_, client, subscription, streams):
        client.reads.set()
        streams.drain()
        assert subscription.asked == ["close"]
        await until(lambda: client.over)
    with pytest.raises(Unavailable):
        streams.make(SSE, ADMISSION)


async def test_there_is_a_limit_to_open_streams() -> None:
    async with responding() as (_, _, _, streams):
        with pytest.raises(Unavailable):
            streams.make(SSE, ADMISSION)
    streams.close(streams.make(SSE, ADMISSION))


async def test_who_is_resumed_may_fill_the_stream_and_another_has_the_next_turn() -> None:
    turns: list[str] = []

    def resume(name: str) -> None:
        turns.append(name)
        if len(turns) == 1:
            stream.write(b"y" * 2 * LIMIT)

    async with responding() as (stream, client, first, _):
        second = Recorded()
        stream.add("second", running(second))
        first.when_resumed, second.when_resumed = partial(resume, "first"), partial(resume, "second")
        await until(lambda: client.offered == 1)
        stream.write(b"x" * 2 * LIMIT)
        client.reads.set()
        await until(lambda: len(turns) == 3)
    assert turns == ["first", "second", "first"]


async def test_who_is_far_behind_leaves_room_for_others() -> None:
    async with responding() as (stream, client, subscription, _):
        subscription.when_resumed = lambda: stream.write(b"y" * 2 * LIMIT)
        await until(lambda: client.offered == 1)
        client.reads.set()
        stream.write(b"x" * 2 * LIMIT)
        await until(lambda: subscription.asked.count("resume") > 10)


async def test_a_reservation_that_nobody_claims_is_given_up() -> None:
    streams = ResponseStreams(ADMISSIONS, 60, LIMIT, max_streams=1)
    reservations, subscription = Reservations(streams, max_operations=1, timeout=0.01), Recorded()
    token = reservations.make(ADMISSION, None)
    stream = reservations.find(token, UNRESTRICTED)
    stream.add("1", running(subscription))
    await until(lambda: subscription.asked == ["close"])
    with pytest.raises(NotFound):
        reservations.open(token, UNRESTRICTED)
    reservations.make(ADMISSION, None)


def reserve(reservations: Reservations, address: str, subject: str | None = None) -> str:
    return reservations.make(Admission(Caller(subject=subject)), address)


async def test_E11_reservations_take_no_places_of_open_streams() -> None:
    streams = ResponseStreams(ADMISSIONS, 60, LIMIT, max_streams=1)
    reservations = Reservations(streams, max_operations=1)
    tokens = [reserve(reservations, "10.0.0.1") for _ in range(50)]
    assert streams.open == 0
    streams.close(streams.make(SSE, ADMISSION))
    reservations.open(tokens[0], UNRESTRICTED)
    with pytest.raises(Unavailable):
        reservations.open(tokens[1], UNRESTRICTED)


async def test_E11_reservations_that_wait_are_bounded_for_each_caller_and_each_address() -> None:
    streams = ResponseStreams(Admissions(OPEN, now, limit=1_000), 60, LIMIT, max_streams=10_000)
    reservations = Reservations(streams, max_operations=1)
    tokens = [reserve(reservations, "10.0.0.1") for _ in range(100)]
    with pytest.raises(RateLimited) as refused:
        reserve(reservations, "10.0.0.1")
    assert refused.value.details() == {"retryAfter": 10.0}
    for number in range(100):
        reserve(reservations, f"10.1.0.{number}", "agent")
    with pytest.raises(RateLimited):
        reserve(reservations, "10.2.0.1", "agent")
    reservations.open(tokens[0], Caller())
    reserve(reservations, "10.0.0.1")
    for _ in range(100):
        # All of one network are one client, whichever of its addresses it uses.
        reserve(reservations, f"2001:db8::{len(tokens):x}")
        tokens.append("")
    with pytest.raises(RateLimited):
        reserve(reservations, "2001:db8::ffff")
    for number in range(200):
        reserve(reservations, f"10.3.0.{number}")
    with pytest.raises(Unavailable):
        reserve(reservations, "10.4.0.1")


async def test_nothing_is_begun_in_a_stream_that_is_full_or_over() -> None:
    streams = ResponseStreams(ADMISSIONS, 60, LIMIT, max_streams=1)
    reservations = Reservations(streams, max_operations=1)
    stream = reservations.find(reservations.make(ADMISSION, None), UNRESTRICTED)
    reservations.start(stream, "1")
    stream.write(b"x" * 2 * LIMIT)
    with pytest.raises(RateLimited):
        reservations.start(stream, "1")
    streams.drain()
    with pytest.raises(NotFound):
        reservations.start(stream, "1")


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("application/json;q=0.1, application/graphql-response+json;q=0.9", GRAPHQL),
        ("application/graphql-response+json;q=0.1, application/json;q=0.9", JSON),
        ("application/json;q=0, application/*", GRAPHQL),
        ("application/json;charset=latin-1, application/graphql-response+json", GRAPHQL),
        ("application/json; charset=UTF-8", JSON),
        ("*/*;q=nonsense", JSON),
        ("*/*;q=0", None),
        ("", JSON),
        (",;=,", None),
        ("text/event-stream, application/json", JSON),
        ("text/event-stream, application/json;q=0.9", SSE),
    ],
)
def test_the_type_that_a_client_likes_best_is_chosen(accept: str, wanted: ResponseFormat | None) -> None:
    assert choose(accept, streams=False) is wanted
