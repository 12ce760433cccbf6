"""Keys of an issuer over HTTP: discovery, rotation, a flood of unknown keys, and an issuer that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from functools import partial
from time import monotonic
from typing import Any

import pytest

from api.access.callers import Caller
from api.access.credentials import InvalidCredentials
from api.access.fetched_keys import MAX_AGE, RETRY_INTERVAL, FetchedKeys, FetchFailed
from api.access.issuer import fetch_keys
from api.access.tokens import TokenVerifier
from api.auth_settings import AuthSettings
from api.ids import now
from domain.kernel.errors import Unavailable
from tests.helpers.issuer import DISCOVERY, KEYS, Issuer, serve_issuer
from tests.helpers.tokens import make_token, private_key, public_jwk


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serve_issuer() as issuer:
        yield issuer


class Rig:
    """Verifies tokens of the issuer, by a clock that a test moves."""

    def __init__(self, issuer: Issuer, **settings: Any) -> None:
        self.settings = AuthSettings(issuer=issuer.url, audience=("nerve",), **settings)
        self.time = monotonic()
        self.keys = FetchedKeys(partial(fetch_keys, self.settings), lambda: self.time)
        self.tokens = TokenVerifier(self.settings, self.keys, now)

    async def verify(self, token: str) -> Caller:
        caller = self.tokens.verify(token)
        return await caller if isinstance(caller, Awaitable) else caller


@pytest.mark.parametrize("algorithm", ["RS256", "PS384", "ES256", "ES512", "EdDSA"])
async def test_keys_are_discovered_and_verify_tokens(issuer: Issuer, algorithm: str) -> None:
    issuer.rotate("only", algorithm)
    rig = Rig(issuer, algorithms=(algorithm,))
    assert (await rig.verify(issuer.sign("only"))).subject == "ada"
    assert issuer.requests == {DISCOVERY: 1, KEYS: 1}
    with pytest.raises(InvalidCredentials):
        await rig.verify(issuer.sign("only", aud="another"))
    assert issuer.requests == {DISCOVERY: 1, KEYS: 1}


async def test_a_rotated_key_is_fetched_once_and_the_withdrawn_one_is_refused(issuer: Issuer) -> None:
    rig = Rig(issuer)
    old = issuer.sign("first")
    await rig.verify(old)
    issuer.rotate("second")
    rig.time += RETRY_INTERVAL
    tokens = [issuer.sign("second", f"user-{number}") for number in range(20)]
    callers = await asyncio.gather(*map(rig.verify, tokens))
    assert len({caller.subject for caller in callers}) == 20
    assert issuer.requests[KEYS] == 2
    with pytest.raises(InvalidCredentials):
        await rig.verify(old)


async def test_no_key_is_fetched_for_a_token_whose_sender_has_left(issuer: Issuer) -> None:
    """Nobody awaits its caller, and no coroutine is left over."""
    rig = Rig(issuer)
    assert isinstance(rig.tokens.verify(issuer.sign("first")), Awaitable)
    assert issuer.requests == {}


async def test_a_flood_of_unknown_keys_fetches_once_in_each_interval(issuer: Issuer) -> None:
    rig = Rig(issuer)
    good = issuer.sign("first")
    await rig.verify(good)
    forged = [
        make_token(
            key=private_key("RS256"), algorithm="RS256", header={"kid": f"made-up-{number}"}, iss=issuer.url
        )
        for number in range(200)
    ]
    for interval in range(1, 4):
        rig.time += RETRY_INTERVAL
        results = await asyncio.gather(*map(rig.verify, forged), return_exceptions=True)
        assert all(isinstance(result, InvalidCredentials) for result in results)
        # The rest of the interval: refused without a coroutine, so at once.
        for token in forged:
            with pytest.raises(InvalidCredentials):
                rig.tokens.verify(token)
        assert issuer.requests[KEYS] == 1 + interval
        assert (await rig.verify(good)).subject == "ada"


async def test_keys_are_used_while_the_issuer_is_away_but_not_for_ever(
    issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(issuer)
    await rig.verify(issuer.sign("first"))
    issuer.status = 503
    rig.time += MAX_AGE - 1
    assert (await rig.verify(issuer.sign("first", "bob"))).subject == "bob"
    with pytest.raises(InvalidCredentials):
        await rig.verify(make_token(key=private_key("RS256"), algorithm="RS256", header={"kid": "x"}))
    assert f"{issuer.url}{DISCOVERY} answered with status 503" in caplog.text
    rig.time += RETRY_INTERVAL
    for token in (issuer.sign("first"), issuer.sign("first", "bob")):
        with pytest.raises(Unavailable):
            await rig.verify(token)
    issuer.status = 200
    rig.time += RETRY_INTERVAL
    assert (await rig.verify(issuer.sign("first"))).subject == "ada"


async def test_without_any_keys_no_token_is_accepted_or_refused(issuer: Issuer) -> None:
    issuer.status = 500
    rig = Rig(issuer)
    for _ in range(2):
        with pytest.raises(Unavailable, match="cannot be fetched from their issuer"):
            await rig.verify(issuer.sign("first"))
    assert issuer.requests[DISCOVERY] == 1


async def test_keys_are_fetched_ahead_while_requests_are_served(issuer: Issuer) -> None:
    rig = Rig(issuer)
    async with rig.keys.refreshing(), asyncio.timeout(60):
        while not issuer.requests[KEYS]:
            await asyncio.sleep(0.01)
        assert (await rig.verify(issuer.sign("first"))).subject == "ada"
    assert issuer.requests[KEYS] == 1


@pytest.mark.parametrize(
    ("discovery", "key_set", "reason"),
    [
        ({"issuer": "https://other.example"}, None, "is of the issuer 'https://other.example'"),
        ({"jwks_uri": None}, None, "no jwks_uri that begins with https://"),
        ({"jwks_uri": "http://keys.example/"}, None, "no jwks_uri that begins with https://"),
        ({"jwks_uri": "file:///etc/passwd"}, None, "no jwks_uri that begins with https://"),
        ({}, b"no JSON", "is not a JSON object"),
        ({}, b"[]", "is not a JSON object"),
        ({}, b'{"keys": [], "keys": []}', "is not a JSON object"),
        ({}, {"keys": {}}, "it has no list `keys`"),
        ({}, {"keys": []}, "has no key for RS256; check auth.algorithms"),
        ({}, {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}, "has no key for RS256"),
        ({}, {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}, {"kty": "RSA"}, 5]}, "has no key for RS256"),
        ({}, b" " * 600_000, "has more than 500000 bytes"),
    ],
    ids=str,
)
async def test_documents_that_are_not_what_they_should_be_are_named(
    issuer: Issuer, discovery: dict[str, Any], key_set: Any, reason: str
) -> None:
    issuer.discovery.update(discovery)
    issuer.key_set = issuer.key_set if key_set is None else key_set
    with pytest.raises(FetchFailed) as failed:
        await fetch_keys(Rig(issuer).settings)
    assert reason in str(failed.value)


async def test_redirects_are_not_followed(issuer: Issuer) -> None:
    issuer.status = 302
    with pytest.raises(FetchFailed, match="status 302"):
        await fetch_keys(Rig(issuer).settings)


async def test_keys_that_are_not_for_signatures_are_left_out(issuer: Issuer) -> None:
    key = private_key("RS256")
    issuer.key_set = {
        "keys": [
            public_jwk(key, "encryption", use="enc"),
            public_jwk(key, "another algorithm", alg="RS512"),
            public_jwk(key, "another operation", key_ops=["wrapKey"]),
            {**public_jwk(private_key("ES256"), "another kind"), "alg": "RS256"},
            public_jwk(key, "good"),
        ]
    }
    assert [each.id for each in await fetch_keys(Rig(issuer).settings)] == ["good"]


async def test_a_token_without_a_key_id_needs_a_set_with_one_fitting_key(issuer: Issuer) -> None:
    rig = Rig(issuer)
    token = issuer.sign("first", has_id=False)
    assert (await rig.verify(token)).subject == "ada"
    issuer.rotate("second", keep=True)
    rig.time += RETRY_INTERVAL
    await rig.verify(issuer.sign("second"))
    with pytest.raises(InvalidCredentials):
        await rig.verify(token)
