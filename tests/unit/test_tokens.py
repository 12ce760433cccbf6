"""Which tokens are accepted, whom they authenticate, and that all refusals look alike."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OctKey

from api.access.callers import Caller
from api.access.credentials import InvalidCredentials
from api.access.token_keys import single_key
from api.access.tokens import MAX_TOKEN, TokenVerifier
from api.auth_settings import Algorithm, AuthSettings
from domain.kernel import Scope
from tests.helpers.tokens import (
    AUDIENCE,
    ISSUER,
    SECRET,
    auth_settings,
    make_token,
    private_key,
    public_pem,
    sign,
    sign_by_hand,
)

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
    settings = settings or auth_settings()
    return TokenVerifier(settings, single_key(settings), clock or Clock())


def verified(token: str, **changes: Any) -> Caller:
    caller = verifier(auth_settings(**changes)).verify(token)
    assert isinstance(caller, Caller)
    return caller


def refusal(token: str, **changes: Any) -> str:
    with pytest.raises(InvalidCredentials) as refused:
        verifier(auth_settings(**changes)).verify(token)
    return str(refused.value)


def test_claims_become_subject_tenant_roles_and_further_claims() -> None:
    token = make_token("ada", "acme", ("editor", "reader"), team="red", level=3, jti="7f", secret="x")
    caller = verified(token)
    assert caller.scope == Scope("acme", "ada", "jwt")
    assert caller.subject == "ada"
    assert caller.roles == {"editor", "reader"}
    assert caller.claims == {"team": "red", "level": 3}
    assert caller.credential == "token-7f"


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_each_algorithm_is_verified_without_a_warning(algorithm: str) -> None:
    """Also EdDSA, which joserfc warns of because it has another name by now."""
    key = private_key(algorithm)
    if isinstance(key, OctKey):
        source: dict[str, Any] = {"secret": key.raw_value.hex()}
        key = OctKey.import_key(key.raw_value.hex())
    else:
        source = {"secret": None, "public_key": public_pem(key)}
    token = make_token(key=key, algorithm=algorithm)
    other = make_token(key=private_key(algorithm, 1), algorithm=algorithm)
    assert verified(token, algorithms=(algorithm,), **source).subject == "ada"
    assert refusal(other, algorithms=(algorithm,), **source) == INVALID


def test_a_token_does_not_choose_its_algorithm() -> None:
    """Neither none, nor the public key as the secret of HS256, nor another hash."""
    key = private_key("RS256")
    source: dict[str, Any] = {"secret": None, "public_key": public_pem(key), "algorithms": ("RS256",)}
    for name in ("none", "None", "NONE", "nOnE", "", "HS256"):
        forged = sign_by_hand(b'{"alg":"%b"}' % name.encode(), CLAIMS, public_pem(key))
        assert refusal(forged, **source) == INVALID
        assert refusal(f"{forged.rpartition('.')[0]}.", **source) == INVALID
    assert refusal(make_token(algorithm="HS256"), **source) == INVALID
    assert refusal(make_token(key=key, algorithm="RS512"), **source) == INVALID
    assert refusal(make_token(key=key, algorithm="PS256"), **source) == INVALID
    assert verified(make_token(key=key, algorithm="RS256"), **source).subject == "ada"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": ["https://login.example.org"]},
        {"aud": "another"},
        {"aud": []},
        {"aud": {"nerve": True}},
        {"aud": ["another", 1]},
        {"exp": None},
        {"exp": "4000000000"},
        {"exp": True},
        {"exp": 1e300},
        {"nbf": 4_000_000_000},
        {"nbf": "now"},
        {"iat": 4_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": 17},
        {"sub": ["ada"]},
        {"sub": "ada\0"},
        {"sub": " ada"},
        {"sub": "a" * 256},
        {"sub": "ad\u202ea"},
        {"tenant": None},
        {"tenant": ""},
        {"tenant": 1},
        {"tenant": ["acme"]},
        {"tenant": {"$ne": ""}},
        {"tenant": "a/b"},
        {"tenant": "a\0"},
        {"tenant": "\uff41cme"},
        {"tenant": "a" * 65},
        {"roles": 1},
        {"roles": True},
        {"roles": {"administrator": True}},
        {"roles": ["administrator", 1]},
        {"roles": [["administrator"]]},
        {"roles": [f"role-{number}" for number in range(201)]},
        {"team": {"$gt": ""}},
        {"team": [["red"]]},
        {"team": 1.5},
        {"level": 2**63},
        {"jti": 5},
    ],
    ids=str,
)
def test_a_wrong_claim_has_the_same_answer_as_a_wrong_signature(claims: dict[str, Any]) -> None:
    assert refusal(_with(claims)) == INVALID
    head, body, signature = make_token().split(".")
    assert refusal(f"{head}.{body}.{signature[::-1]}") == INVALID


def _with(claims: dict[str, Any]) -> str:
    return sign(json.dumps({**json.loads(CLAIMS), **claims}).encode())


def test_claims_that_are_missing_are_refused_or_empty() -> None:
    for name in ("iss", "aud", "exp", "sub", "tenant"):
        assert refusal(make_token(without=(name,))) == INVALID, name
    assert verified(make_token(without=("roles", "jti", "iat"))).roles == frozenset()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b'{"sub": "ada", "sub": "eve"}',
        b'{"exp": NaN}',
        b'{"exp": Infinity}',
        b'{"exp": 1e999}',
        b'{"a":' * 1_000 + b"1" + b"}" * 1_000,
        b'{"sub": "\\ud800"}',
    ],
)
def test_claims_must_be_one_json_object_with_distinct_names(payload: bytes) -> None:
    assert refusal(sign(payload)) == INVALID


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["exp"]},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"typ": "logout+jwt"},
        {"typ": 1},
        {"kid": "a" * 5_000},
    ],
    ids=str,
)
def test_headers_that_need_more_than_nerve_has_are_refused(header: dict[str, Any]) -> None:
    protected = json.dumps({"alg": "HS256", **header}).encode()
    assert refusal(sign_by_hand(protected, CLAIMS)) == INVALID


def test_a_header_has_distinct_names() -> None:
    assert refusal(sign_by_hand(b'{"alg":"none","alg":"HS256"}', CLAIMS)) == INVALID
    assert verified(sign_by_hand(b'{"alg":"HS256"}', CLAIMS)).subject == "ada"


def test_a_header_may_have_parameters_that_nerve_ignores() -> None:
    header = {"typ": "at+JWT", "nonce": "1", "x5t": "abc", "jku": "https://evil.example/keys"}
    assert verified(make_token(header=header)).subject == "ada"


@given(
    st.text()
    | st.binary().map(lambda data: data.decode("latin-1"))
    | st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*")
)
def test_any_text_is_refused_with_the_same_error(text: str) -> None:
    assert refusal(text) == INVALID


@given(st.data())
def test_a_token_with_one_changed_character_is_refused(data: st.DataObject) -> None:
    token = make_token()
    place = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.sampled_from("AZaz09-_.\0 ").filter(lambda other: other != token[place]))
    assert refusal(token[:place] + character + token[place + 1 :]) == INVALID


def test_a_long_token_is_refused_before_it_is_decoded() -> None:
    assert refusal("A" * (MAX_TOKEN + 1)) == INVALID
    assert refusal(make_token(padding="x" * MAX_TOKEN)) == INVALID


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


def test_roles_are_a_list_or_a_text_and_may_be_nested_or_mapped() -> None:
    nested: dict[str, Any] = {"realm_access": {"roles": ["nerve-admin", "other"]}}
    assert verified(make_token(roles="editor reader")).roles == {"editor", "reader"}
    assert verified(make_token(**nested), roles_claim="realm_access.roles").roles == {"nerve-admin", "other"}
    mapped: dict[str, Any] = {
        "roles_claim": "realm_access.roles",
        "role_map": {"nerve-admin": "administrator"},
    }
    assert verified(make_token(**nested), **mapped).roles == {"administrator"}
    assert verified(make_token(roles=("administrator",)), role_map={"a": "b"}).roles == frozenset()
    url = "https://app.example/roles"
    assert verified(make_token(**dict[str, Any]({url: ["editor"]})), roles_claim=url).roles == {"editor"}


def test_without_a_tenant_claim_all_callers_are_of_one_tenant() -> None:
    assert verified(make_token(tenant="acme"), tenant_claim=None).scope.tenant == "default"


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
