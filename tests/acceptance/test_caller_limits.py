"""Rates and concurrency of callers, as clients meet them on each transport."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from uuid import uuid4

import pytest

from api.settings import Settings
from tests.helpers.served_api import PATIENCE, Client, Served, serve
from tests.helpers.servers import Servers, eventually
from tests.helpers.stream_responses import SSE
from tests.helpers.token_access import serve_with
from tests.helpers.tokens import auth_settings, bearer, make_token

QUERY = {"query": "{ __typename }"}
EVENTS = {"query": "subscription { events { __typename } }"}
FEW: dict[str, float] = {"per_caller": 0.01, "per_tenant": 1_000, "per_address": 0.01, "burst": 500}
"""Five operations at once, and no more for a long time."""


@contextmanager
def limited(mongo_url: str, redis_url: str, **rates: float) -> Iterator[Served]:
    auth = auth_settings()
    with serve_with(None, mongo_url, redis_url, auth=auth, rates={**FEW, **rates}, max_batch=10) as served:
        yield served


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    with limited(mongo_url, redis_url) as served:
        yield served


def caller(tenant: str = "default") -> dict[str, str]:
    """Return the headers of a caller that has done nothing yet."""
    return bearer(make_token(uuid4().hex, tenant, ("administrator",)))


def check_refused(body: Any, least: float = 0.0) -> None:
    [error] = body["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert least < error["extensions"]["retryAfter"] <= 100


def test_a_caller_that_sends_too_much_gets_429_and_when_to_try_again(served: Served) -> None:
    headers = caller()
    for _ in range(5):
        assert served.post(QUERY, **headers).status_code == 200
    for _ in range(3):
        refused = served.post(QUERY, **headers)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 100
        check_refused(refused.json())
    assert served.post(QUERY, **caller()).status_code == 200


def test_each_operation_of_a_batch_counts(served: Served) -> None:
    results = served.post([QUERY] * 7, **caller()).json()
    assert sum("data" in result for result in results) == 5
    for result in results:
        if "data" not in result:
            check_refused(result)


def test_a_stream_counts_too(served: Served) -> None:
    headers = caller()
    for _ in range(5):
        with served.http.stream(
            "POST", "/graphql", json=EVENTS, headers={**headers, "accept": SSE}
        ) as stream:
            assert stream.status_code == 200
    assert served.post(EVENTS, **headers, accept=SSE).status_code == 429


def test_callers_without_credentials_are_counted_by_their_address(mongo_url: str, redis_url: str) -> None:
    with serve_with(None, mongo_url, redis_url, rates=FEW) as served:
        statuses = [served.post(QUERY).status_code for _ in range(6)]
        assert statuses == [200] * 5 + [429]
        # The header is a claim of the client, where no proxy is trusted.
        assert served.post(QUERY, x_forwarded_for="192.0.2.1").status_code == 429
    trusted = {"rates": FEW, "trusted_proxies": ("127.0.0.0/8",)}
    with serve_with(None, mongo_url, redis_url, **trusted) as served:
        for last in range(7):
            assert served.post(QUERY, x_forwarded_for=f"192.0.2.{last}").status_code == 200


async def test_an_operation_too_much_ends_with_an_error_and_the_socket_goes_on(served: Served) -> None:
    async with served.client(**caller()) as client:
        for number in range(7):
            await client.subscribe(str(number), QUERY["query"])
        messages = [await client.receive() for _ in range(5 * 2 + 2)]
        errors = [message for message in messages if message["type"] == "error"]
        assert len(errors) == 2
        for error in errors:
            check_refused({"errors": error["payload"]})
        await client.send(type="ping")
        assert await client.receive() == {"type": "pong"}


def test_a_tenant_is_limited_as_a_whole(mongo_url: str, redis_url: str) -> None:
    with limited(mongo_url, redis_url, per_tenant=0.01) as served:
        statuses = [served.post(QUERY, **caller("busy")).status_code for _ in range(7)]
        assert statuses == [200] * 5 + [429] * 2
        assert served.post(QUERY, **caller("other")).status_code == 200


async def test_a_caller_runs_so_many_operations_at_a_time(mongo_url: str, redis_url: str) -> None:
    with limited(mongo_url, redis_url, per_caller=1_000, operations=2) as served:
        headers = caller()
        async with served.client(**headers) as client, served.client(**headers) as other:
            for name in ("1", "2"):
                await client.subscribe(name, EVENTS["query"])
                assert await client.next(name) == {"__typename": "CaughtUp"}
            await other.subscribe("3", EVENTS["query"])
            refused = await other.receive()
            assert refused["type"] == "error"
            check_refused({"errors": refused["payload"]})
            assert (await asyncio.to_thread(served.post, QUERY, **headers)).status_code == 429
            await client.send(type="complete", id="1")
            await until_accepted(other)


async def until_accepted(client: Client) -> None:
    """Subscribe until the place of an ended operation, which comes back after a moment, is free."""
    async with asyncio.timeout(PATIENCE):
        for number in count():
            await client.subscribe(f"try-{number}", EVENTS["query"])
            message = await client.receive()
            if message["type"] == "next":
                assert message["payload"] == {"data": {"events": {"__typename": "CaughtUp"}}}
                return
            check_refused({"errors": message["payload"]})


async def test_a_caller_has_so_many_sockets_in_all_processes(
    mongo_url: str, redis_url: str, database: str
) -> None:
    own: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    own |= {"auth": auth_settings(), "max_sockets_per_caller": 2, "worker": False}
    with serve(**own) as one, serve(**own) as another:
        headers = caller()
        async with one.client(**headers), one.client(**headers):
            async with another.socket() as socket:
                await socket.send(type="connection_init", payload=headers)
                code, reason = await socket.closed()
                assert (code, reason) == (1013, "a caller may have 2 open connections at a time")
            async with another.client(**caller()) as other:
                await other.send(type="ping")
                assert await other.receive() == {"type": "pong"}


def test_metrics_count_refusals_and_say_where_limits_are_counted(servers: Servers, mongo_url: str) -> None:
    redis = servers.redis()
    with limited(mongo_url, redis.url) as served:
        watcher = bearer(make_token("watcher", roles=("deployment",)))

        def metrics() -> list[str]:
            return served.get("/metrics", **watcher).text.splitlines()

        headers = caller()
        for _ in range(6):
            served.post(QUERY, **headers)
        assert 'nerve_rate_limited_total{limit="caller"} 1.0' in metrics()
        assert "nerve_limits_in_memory 0.0" in metrics()
        redis.kill()
        assert [served.post(QUERY, **caller()).status_code for _ in range(3)] == [200] * 3
        assert "nerve_limits_in_memory 1.0" in metrics()
        redis.start()
        eventually(
            lambda: served.post(QUERY, **caller()).is_success and "nerve_limits_in_memory 0.0" in metrics()
        )


@pytest.mark.parametrize("settings", [{}, {"rates": {"per_caller": 7}}])
def test_without_authentication_there_are_no_limits_by_default(settings: dict[str, Any]) -> None:
    rates = Settings(**settings).caller_rates
    assert (None if rates is None else rates.per_caller) == settings.get("rates", {}).get("per_caller")
    with_auth = Settings(auth=auth_settings()).caller_rates
    assert with_auth is not None
    assert with_auth.per_caller == 200


def test_a_refusal_takes_less_than_50_ms(served: Served) -> None:
    headers = caller()
    while served.post(QUERY, **headers).status_code == 200:
        pass
    durations = []
    for _ in range(20):
        response = served.post(QUERY, **headers)
        assert response.status_code == 429
        durations.append(response.elapsed.total_seconds())
    # A busy machine delays some of them, and a wait in nerve would delay each.
    assert min(durations) < 0.05
