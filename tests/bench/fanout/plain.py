"""The peer in Python: strawberry's own ASGI handler, with a queue for each subscriber as its guide has it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

import strawberry
from strawberry.asgi import GraphQL
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from tests.bench.fanout.event import FIRST, event
from tests.bench.fanout.serve import Served, asgi


@strawberry.type
class Event:
    id: strawberry.ID
    type: str
    category: str
    position: str


@strawberry.type
class Query:
    ok: bool = True


Queues = set[asyncio.Queue[Event]]


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def events(self, info: strawberry.Info[dict[str, Queues], None]) -> AsyncGenerator[Event, None]:
        queue: asyncio.Queue[Event] = asyncio.Queue()
        queues = info.context["queues"]
        queues.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            queues.discard(queue)


class App(GraphQL[dict[str, Queues], None]):
    def __init__(self, queues: Queues) -> None:
        schema = strawberry.Schema(Query, subscription=Subscription)
        super().__init__(schema, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL])
        self._queues = queues

    async def get_context(self, request: object, response: object) -> dict[str, Queues]:
        return {"queues": self._queues}


@asynccontextmanager
async def broadcast() -> AsyncIterator[Served]:
    """Each event into the queue of each subscriber."""
    queues: Queues = set()
    numbers = count(FIRST)

    def push(events: int, stored: Callable[[], None]) -> None:
        for _ in range(events):
            made = Event(**event(next(numbers)))
            for queue in queues:
                queue.put_nowait(made)

    yield asgi(App(queues), push)
