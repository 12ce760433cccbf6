"""Tokens are verified once, for their time, and refused without a trace of them."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any

import pytest

from api.access.credentials import InvalidCredentials
from api.access.token_keys import single_key
from api.access.tokens import TokenVerifier
from api.auth_settings import AuthSettings
from tests.helpers.token_verification import EXPIRED, INVALID, Clock, refusal, verified, verifier
from tests.helpers.tokens import SECRET, auth_settings, make_token


def test_the_clocks_of_issuer_and_server_may_differ_by_the_leeway() -> None:
    soon = int(time())
    assert verified(make_token(expires_in=-20)).expires_at is not None
    assert verified(make_token(nbf=soon + 20, iat=soon + 20)).subject == "ada"
    assert refusal(make_token(expires_in=-20), leeway=10) == EXPIRED
    assert refusal(make_token(nbf=soon + 20), leeway=10) == INVALID
    assert refusal(make_token(iat=soon + 20), leeway=10) == INVALID


def test_access_ends_when_the_token_expires_with_the_leeway() -> None:
    expiry = int(time()) + 100
    assert verified(make_token(exp=expiry)).expires_at == datetime.fromtimestamp(expiry + 30, UTC)


class CountingKeys:
    """Counts how often a key is looked up, which each verification does once."""

    def __init__(self, settings: AuthSettings) -> None:
        self._inner = single_key(settings)
        self.lookups = 0
        self.withdrawn = False

    def find(self, id: str | None, algorithm: str) -> Any:
        self.lookups += 1
        return self._inner.find(id, algorithm)

    def is_current(self, key: Any) -> bool:
        return not self.withdrawn


def test_a_token_is_verified_once_until_it_expires() -> None:
    settings, clock = auth_settings(), Clock()
    keys = CountingKeys(settings)
    tokens = TokenVerifier(settings, keys, clock)
    token = make_token(expires_in=100)
    callers = [tokens.verify(token) for _ in range(3)]
    assert keys.lookups == 1
    assert callers[0] is callers[1] is callers[2]
    clock.now += timedelta(seconds=131)
    with pytest.raises(InvalidCredentials, match="expired"):
        tokens.verify(token)


def test_a_verified_token_is_worth_nothing_once_its_key_is_withdrawn() -> None:
    settings = auth_settings()
    keys = CountingKeys(settings)
    tokens = TokenVerifier(settings, keys, Clock())
    token = make_token()
    tokens.verify(token)
    keys.withdrawn = True
    tokens.verify(token)
    assert keys.lookups == 2


def test_the_log_gets_the_reason_once_and_never_the_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    tokens, token = verifier(), make_token(aud="another")
    for _ in range(3):
        with pytest.raises(InvalidCredentials):
            tokens.verify(token)
    assert [record.message for record in caplog.records] == [
        "refused a token: its claim aud is missing, or has a wrong value"
    ]
    assert token not in caplog.text
    assert SECRET not in repr(auth_settings())


def test_verification_is_no_coroutine_where_the_key_is_at_hand() -> None:
    assert not isinstance(verifier().verify(make_token()), Awaitable)
