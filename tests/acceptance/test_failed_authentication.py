"""How often one address may send credentials that are not accepted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.helpers.served_api import Served, serve
from tests.helpers.token_access import serve_with
from tests.helpers.tokens import auth_settings, bearer, make_token

QUERY = {"query": "{ __typename }"}
FEW = {"failures_per_address": 0.01, "burst": 500}
"""Five failures at once, and no more for a long time."""

PROXY = {"trusted_proxies": ("127.0.0.0/8",)}
WRONG: list[Mapping[str, str]] = [
    bearer("no.such.token"),
    bearer(make_token(expires_in=-60)),
    bearer(make_token(aud="another service")),
    {"x-api-key": "nerve_key_" + "0" * 64},
    {"authorization": "Basic YWRhOmFkYQ=="},
]


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    """An API behind a proxy, so that each test has addresses of its own."""
    with serve_with(None, mongo_url, redis_url, auth=auth_settings(), rates=FEW, **PROXY) as served:
        yield served


def statuses(served: Served, address: str, *requests: Mapping[str, str]) -> list[int]:
    return [served.post(QUERY, x_forwarded_for=address, **headers).status_code for headers in requests]


def test_further_wrong_credentials_are_refused_with_429(served: Served) -> None:
    """Whatever was wrong with the earlier ones; the body and a header have when to try again."""
    assert statuses(served, "192.0.2.1", *WRONG) == [401] * 5
    for headers in WRONG:
        response = served.post(QUERY, x_forwarded_for="192.0.2.1", **headers)
        [error] = response.json()["errors"]
        assert (response.status_code, error["extensions"]["code"]) == (429, "RATE_LIMITED")
        assert 1 <= int(response.headers["retry-after"]) <= 100
        assert error["message"].startswith("this address has sent too many credentials")
        assert "www-authenticate" not in response.headers


def test_right_credentials_from_the_address_are_accepted_all_the_while(served: Served) -> None:
    """Others may be behind the address. Requests without credentials are no failures."""
    right = [bearer(make_token(subject, roles=("administrator",))) for subject in ("ada", "bob")]
    wrong = [WRONG[0]] * 5
    assert (
        statuses(served, "192.0.2.2", *wrong, *right, WRONG[0], *right)
        == [401] * 5 + [200] * 2 + [429] + [200] * 2
    )
    assert statuses(served, "192.0.2.2", {}) == [401]
    assert statuses(served, "192.0.2.3", *[{}] * 7, WRONG[0]) == [401] * 8


def test_addresses_are_counted_by_themselves(served: Served) -> None:
    """An IPv6 client has 64 bits of addresses, which count as one."""
    for last in range(10, 16):
        assert statuses(served, f"192.0.2.{last}", WRONG[0]) == [401]
    network = [f"2001:db8::{last}" for last in range(6)]
    assert [statuses(served, address, WRONG[0])[0] for address in network] == [401] * 5 + [429]
    assert statuses(served, "2001:db8:1::1", WRONG[0]) == [401]


def test_a_client_cannot_choose_its_address(mongo_url: str, redis_url: str) -> None:
    """Without a trusted proxy the header is ignored; behind one, the last address in it counts."""
    with serve_with(None, mongo_url, redis_url, auth=auth_settings(), rates=FEW) as served:
        each = [statuses(served, f"192.0.2.{last}", WRONG[0])[0] for last in range(6)]
        assert each == [401] * 5 + [429]


def test_behind_a_proxy_the_words_of_the_client_are_ignored(served: Served) -> None:
    each = [statuses(served, f"203.0.113.{n}, 192.0.2.20", WRONG[0])[0] for n in range(6)]
    assert each == [401] * 5 + [429]


async def test_a_socket_with_further_wrong_credentials_is_closed_for_now(served: Served) -> None:
    """Closed with 1013 instead of 4401, and one with right credentials is opened."""

    async def close_code(payload: Mapping[str, Any]) -> int | None:
        async with served.socket() as socket:
            await socket.send(type="connection_init", payload=payload)
            return (await socket.closed())[0]

    contradictory: Mapping[str, Any] = {"authorization": "Bearer a", "headers": {"authorization": "Bearer b"}}
    assert [await close_code(payload) for payload in (*WRONG[:4], contradictory)] == [4401] * 5
    assert [await close_code(payload) for payload in (WRONG[0], contradictory)] == [1013] * 2
    async with served.client(**bearer(make_token("ada", roles=("administrator",)))) as client:
        await client.send(type="ping")
        assert await client.receive() == {"type": "pong"}


def test_processes_count_together_and_alone_without_redis(
    mongo_url: str, redis_url: str, database: str
) -> None:
    own: dict[str, Any] = {
        "mongo_url": mongo_url,
        "database": database,
        "auth": auth_settings(),
        "rates": FEW,
    }
    own |= {"worker": False, **PROXY}
    with serve(redis_url=redis_url, **own) as one, serve(redis_url=redis_url, **own) as another:
        assert statuses(one, "192.0.2.1", *[WRONG[0]] * 4) == [401] * 4
        assert statuses(another, "192.0.2.1", *[WRONG[0]] * 3) == [401, 429, 429]
        with serve(redis_url="redis://127.0.0.1:1/0", **own) as alone:
            assert statuses(alone, "192.0.2.1", *[WRONG[0]] * 7) == [401] * 5 + [429] * 2
