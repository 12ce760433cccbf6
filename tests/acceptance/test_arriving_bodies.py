"""The bodies of one client that do not arrive keep a bounded amount of memory, whatever they are for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import pytest
from pydantic import SecretStr

from api.event_source_settings import EventSourceSettings
from api.limits.arriving_bodies import MAX_ARRIVING_BYTES, MIN_BYTES
from tests.helpers.served_api import Served
from tests.helpers.token_access import serve_with
from tests.helpers.tokens import auth_settings, bearer, make_token

MANY = MAX_ARRIVING_BYTES // MIN_BYTES
"""Bodies of one client that may arrive at a time."""

PATHS = {"graphql": ("/graphql", "application/json"), "traces": ("/v1/traces", "application/json")}
EVENTS = ("/events", "application/cloudevents+json")


CONTEXTS = tuple(
    f"projections.views.{name}"
    for name in ("agents", "tasks", "task_days", "workflows", "runs", "spans", "run_days")
)
RATES = {"per_caller": 10_000, "per_address": 10_000, "operations": 10_000}


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    source = EventSourceSettings(
        source="https://bank.example.org", roles=("bank",), secret=SecretStr("whsec_" + "a" * 44)
    )
    with serve_with(
        None,
        mongo_url,
        redis_url,
        contexts=CONTEXTS,
        auth=auth_settings(),
        event_sources={"bank": source},
        rates=RATES,
    ) as served:
        yield served


@asynccontextmanager
async def half(
    served: Served, path: str, kind: str, headers: dict[str, str], host: str = "127.0.0.1"
) -> AsyncIterator[asyncio.StreamReader]:
    """Send the head and a part of the body of a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, local_addr=(host, 0))
    try:
        lines = [f"{name}: {value}" for name, value in headers.items()]
        head = [f"POST {path} HTTP/1.1", "host: localhost", f"content-type: {kind}", "content-length: 900000"]
        writer.write("\r\n".join([*head, *lines, "", "{"]).encode())
        yield reader
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("kind", PATHS)
async def test_a_caller_cannot_keep_the_memory_of_many_bodies(served: Served, kind: str) -> None:
    """One body too many is refused; another caller goes on."""
    await _check(served, *PATHS[kind], bearer(make_token(uuid4().hex, "default", ("administrator",))))


async def test_nor_can_a_client_whose_signature_is_not_verified_yet(served: Served) -> None:
    await _check(served, *EVENTS, {"webhook-signature": "v1,x", "webhook-id": "x", "webhook-timestamp": "1"})


async def _check(served: Served, path: str, kind: str, headers: dict[str, str]) -> None:
    known = bearer(make_token(uuid4().hex, "default", ("administrator",)))
    async with AsyncExitStack() as stack:
        bodies = [half(served, path, kind, headers) for _ in range(MANY + 1)]
        readers = [await stack.enter_async_context(body) for body in bodies]
        heads = [asyncio.create_task(reader.readuntil(b"\r\n\r\n")) for reader in readers]
        stack.callback(lambda: [head.cancel() for head in heads])
        refused, _ = await asyncio.wait(heads, timeout=25, return_when=asyncio.FIRST_COMPLETED)
        head = refused.pop().result()
        assert head.split()[1] == b"429"
        assert b"connection: close" in head
        assert served.post({"query": "{ __typename }"}, **known).status_code == 200
    metrics = served.http.get("/metrics", headers=bearer(make_token("m", "default", ("metrics",)))).text
    assert 'nerve_rate_limited_total{limit="arriving_bodies"}' in metrics
