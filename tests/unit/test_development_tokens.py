"""Tokens for development: whom they are of, when they end, and that all else is the settings' business."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.access.callers import ANONYMOUS, AccessRevocation, Caller
from api.access.credentials import InvalidCredentials
from api.access.development_tokens import (
    LIFETIME,
    DevelopmentAuthenticator,
    DevelopmentCaller,
    DevelopmentTokens,
)
from domain.kernel.errors import Unauthenticated
from tests.helpers.tokens import bearer, make_token

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
KEY = "a key of a data folder, long enough: 0123456789"
TOKENS = DevelopmentTokens(KEY, lambda: NOW)
ADA = DevelopmentCaller(subject="ada", tenant="acme", roles=("editor",), claims={"teams": ("red", 3, True)})


class Closed:
    """An authenticator that accepts nothing but requests without credentials."""

    def authenticate(self, headers: Mapping[str, str]) -> Caller:
        if "authorization" in headers:
            raise Unauthenticated("not accepted")
        return ANONYMOUS

    def watch_revocations(
        self, _on_revoked: Callable[[AccessRevocation], object]
    ) -> AbstractAsyncContextManager[None]:
        return nullcontext()


def test_a_token_has_the_caller_that_was_made_up_for_some_hours() -> None:
    caller = TOKENS.verify(TOKENS.issue(ADA))
    assert (caller.scope.tenant, caller.scope.actor, caller.subject) == ("acme", "ada", "ada")
    assert (caller.roles, caller.claims) == (frozenset({"editor"}), {"teams": ("red", 3, True)})
    assert (caller.issued_at, caller.expires_at) == (NOW, NOW + LIFETIME)
    later = DevelopmentTokens(KEY, lambda: NOW + LIFETIME + timedelta(seconds=1))
    with pytest.raises(InvalidCredentials, match="has expired"):
        later.verify(TOKENS.issue(ADA))


def test_a_token_of_another_data_folder_is_recognised_and_refused() -> None:
    other = DevelopmentTokens(f"{KEY}, another", lambda: NOW).issue(ADA)
    assert TOKENS.recognises(other)
    with pytest.raises(InvalidCredentials, match="of another data folder"):
        TOKENS.verify(other)


@given(st.text(alphabet="abcXYZ019-_."))
def test_what_only_begins_like_a_token_is_refused(rest: str) -> None:
    forged = f"{TOKENS.issue(ADA).partition('.')[0]}.{rest}"
    with pytest.raises(InvalidCredentials):
        TOKENS.verify(forged)


def test_all_other_requests_are_authenticated_by_the_settings() -> None:
    """`nerve dev` with authentication is closed as `nerve serve` is."""
    authenticator = DevelopmentAuthenticator(Closed(), TOKENS)
    caller = authenticator.authenticate(bearer(TOKENS.issue(ADA)))
    assert isinstance(caller, Caller)
    assert caller.subject == "ada"
    assert authenticator.authenticate({}) is ANONYMOUS
    with pytest.raises(Unauthenticated, match="not accepted"):
        authenticator.authenticate(bearer(make_token()))
