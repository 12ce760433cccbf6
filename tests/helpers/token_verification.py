"""Tokens that are verified with the settings of `tests.helpers.tokens`, and the answers to refused ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from time import time
from typing import Any

import pytest

from api.access.callers import Caller
from api.access.credentials import InvalidCredentials
from api.access.token_keys import single_key
from api.access.tokens import TokenVerifier
from api.auth_settings import AuthSettings
from tests.helpers.tokens import AUDIENCE, ISSUER, auth_settings

INVALID = "the token is not valid"
EXPIRED = "the token has expired; send a new one"
CLAIMS = json.dumps(
    {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "tenant": "default", "exp": int(time()) + 3_600}
).encode()


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


def verifier(settings: AuthSettings | None = None, clock: Clock | None = None) -> TokenVerifier:
    """Return a verifier of tokens with these settings."""
    settings = settings or auth_settings()
    return TokenVerifier(settings, single_key(settings), clock or Clock())


def verified(token: str, **changes: Any) -> Caller:
    """Return the caller of a token that settings with these changes accept."""
    caller = verifier(auth_settings(**changes)).verify(token)
    assert isinstance(caller, Caller)
    return caller


def refusal(token: str, **changes: Any) -> str:
    """Return the error of a token that settings with these changes refuse."""
    with pytest.raises(InvalidCredentials) as refused:
        verifier(auth_settings(**changes)).verify(token)
    return str(refused.value)
