"""Live queries on a running nerve, opened as transports open them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jsonpatch
import orjson

from api.access.callers import Caller
from api.graphql.execution.executor import Executor
from api.graphql.execution.operation_request import OperationRequest
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.subscription_opener import SubscriptionOpener
from api.lifecycle import open_runtime
from api.live_query_settings import LiveQuerySettings
from api.runtime import Runtime
from api.settings import Settings
from domain.kernel import Command, Envelope, Receipt, Scope
from domain.kernel.access import ADMINISTRATOR
from subscriptions.live.sinks import Chunk, Subscription
from tests.helpers.drivers import chosen_driver
from tests.helpers.shared_schemas import shared_schema

DEADLINE = 60.0
INTERVAL = 0.05
CONTEXTS = tuple(f"projections.views.{view}" for view in ("agents", "tasks", "workflows", "task_days"))


class LiveQueryClient:
    """One subscriber, with the result as it has it by now. `bodies` are all messages that it received."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.position: str | None = None
        self.query: Any = None
        self.errors: Sequence[dict[str, Any]] | None = None
        self.is_ended = False
        self.subscription: Subscription | None = None

    def deliver(self, chunk: Chunk[Any]) -> None:
        for result in chunk.results:
            body = orjson.loads(bytes(result))
            self.bodies.append(body)
            message = body["data"]["live"]
            self.position = message["position"]
            if message.get("patch") is not None:
                self.query = jsonpatch.apply_patch(self.query, message["patch"])
            else:
                self.query = message["query"]

    def end(self, errors: Sequence[dict[str, Any]] | None = None) -> None:
        self.is_ended, self.errors = True, errors

    def close(self) -> None:
        assert self.subscription is not None
        self.subscription.close()


@dataclass
class LiveQueryRig:
    """A runtime with a worker, and clients of its live queries."""

    runtime: Runtime
    clients: list[LiveQueryClient] = field(default_factory=list)

    def __post_init__(self) -> None:
        runtime = self.runtime
        schema = shared_schema(runtime.catalog, runtime.views, runtime.visibilities.full)
        self.executor = Executor(schema)
        self._opener = SubscriptionOpener(self.executor)

    def context(self, tenant: str = "default") -> RequestContext:
        caller = Caller(Scope(tenant=tenant), roles=frozenset((ADMINISTRATOR,)))
        return RequestContext(self.runtime, caller, {})

    def open(self, document: str, tenant: str = "default", **variables: Any) -> LiveQueryClient:
        """Subscribe to a document."""
        client = LiveQueryClient()
        prepared = self.executor.prepare(OperationRequest(document, variables=variables), tenant)
        client.subscription = self._opener.open(prepared, self.context(tenant), client)
        self.clients.append(client)
        return client

    async def query(self, selection: str, tenant: str = "default") -> Any:
        """Return the data of the same selection as a query."""
        prepared = self.executor.prepare(OperationRequest(f"query {selection}"), tenant)
        return (await self.executor.execute(prepared, self.context(tenant)))["data"]

    async def send(self, *commands: Command, tenant: str = "default") -> Receipt:
        """Send the commands one after another; return the last receipt."""
        for command in commands:
            receipt = await self.runtime.bus.dispatch(Envelope(command, Scope(tenant=tenant)))
        return receipt

    async def projected(self) -> None:
        """Wait until the views contain the whole log."""
        head = await self.runtime.log.head()
        for reader in self.runtime.readers.values():
            await reader.wait_for(head, DEADLINE)

    @property
    def executions(self) -> int:
        """How often live queries were executed so far."""
        return self.runtime.live_queries.stats.executions


async def until(holds: Callable[[], object]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(DEADLINE):
        while not holds():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def open_live_query_rig(
    mongo_url: str, redis_url: str, database: str, **options: Any
) -> AsyncIterator[LiveQueryRig]:
    """Open a rig; `options` are settings of live queries."""
    limits = LiveQuerySettings(**{"interval": INTERVAL, **options})
    servers: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    settings = Settings(
        **servers,
        mongo_driver=chosen_driver(),
        contexts=CONTEXTS,
        live_queries=limits,
        poll_interval=0.2,
        scan_limit=20,
    )
    async with open_runtime(settings, worker=True) as runtime:
        rig = LiveQueryRig(runtime)
        yield rig
        for client in rig.clients:
            client.close()
