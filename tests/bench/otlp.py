"""Spans of agents by OTLP over HTTP, beside bare motor with the documents that they become."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from api.ids import now
from eventstore.mongo.driver import Collection, Database, Document, open_client
from eventstore.mongo.log_collections import LogCollections
from tests.bench.harness import ROUNDS, Benchmark, Contender, Contest, Figure
from tests.bench.load import PATIENCE, load
from tests.bench.machine import Machine, on_subject_core
from tests.helpers.agent_traces import agent_traces

TRACES, SPANS = 50, 200
"""Traces in a turn, and the spans of each."""

BATCH = 512
"""Spans of a request: as many as the SDK's batch processor exports at once."""

CONNECTIONS = 4
GROUP = 64
"""Documents in a bare insert."""

CONTEXTS = ",".join(
    f"projections.views.{name}"
    for name in ("agents", "tasks", "task_days", "workflows", "runs", "spans", "run_days")
)


def requests(seed: int) -> list[bytes]:
    """Return requests with traces that no other seed has, as an exporter sends them."""
    spans = agent_traces(TRACES, SPANS, seed)
    bodies = (
        encode_spans(spans[start : start + BATCH]).SerializeToString()
        for start in range(0, len(spans), BATCH)
    )
    return [
        b"POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-protobuf\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        for body in bodies
    ]


class Exported:
    """An exporter, and afterwards the very documents that the log stored, for bare motor to insert."""

    def __init__(self, port: int, turns: Iterator[Sequence[bytes]], log: Collection, bare: Database) -> None:
        self._port = port
        self._turns = turns
        self._log = log
        self._commits = LogCollections.of(bare).log
        self._spans = bare["spans"]
        self._copied = 0
        self._stored: list[Document] = []

    async def export(self) -> Figure:
        """Send the requests of a turn."""
        sent = next(self._turns)
        figure = await load(self._port, iter(sent), CONNECTIONS, PATIENCE, is_complete)
        return figure._replace(value=figure.value * TRACES * SPANS / len(sent))

    async def bare_commits(self) -> Figure:
        """Insert the commits of the last turn, as many spans in a document as there are in a commit."""
        self._stored = await self._log.find({"_id": {"$gt": self._copied}}).sort([("_id", 1)]).to_list(None)
        self._copied = self._stored[-1]["_id"]
        return await _insert(self._commits, self._stored)

    async def bare_spans(self) -> Figure:
        """Insert the spans of the last turn, each in a document of its own."""
        events = [event for commit in self._stored for event in commit["events"]]
        spans = [{**event, "_id": event["id"]} for event in events if "span" in event["data"]]
        return await _insert(self._spans, spans)


async def _insert(collection: Collection, documents: list[Document]) -> Figure:
    with on_subject_core():
        start = time.perf_counter()
        for place in range(0, len(documents), GROUP):
            await collection.insert_many(documents[place : place + GROUP], ordered=False)
        return Figure(TRACES * SPANS / (time.perf_counter() - start))


def is_complete(body: bytes) -> bool:
    """Return whether no span was rejected."""
    return body == b""


@asynccontextmanager
async def _spans(machine: Machine) -> AsyncIterator[Contest]:
    name = f"otlp_{uuid4().hex}"
    turns = [requests(seed) for seed in range(ROUNDS + 1)]
    async with AsyncExitStack() as stack:
        environment = {**machine.settings(name), "NERVE_CONTEXTS": CONTEXTS}
        port = stack.enter_context(machine.serving("nerve", environment))
        client = await stack.enter_async_context(open_client(machine.mongo_url))
        bare = client[f"{name}_bare"]
        await LogCollections.of(bare).prepare(now())
        exported = Exported(port, iter(turns), client[name]["log"], bare)
        yield Contest(
            Contender(f"/v1/traces, {BATCH} spans a request", exported.export),
            Contender(f"motor insert_many of the same commits, {GROUP} each", exported.bare_commits),
            (Contender(f"motor insert_many of the same spans, {GROUP} each", exported.bare_spans),),
        )


BENCHMARKS = (Benchmark("otlp.spans", "spans/s", f"{TRACES} traces of {SPANS} spans of agents", _spans),)
