"""The claims of a token: which are accepted, and what a caller gets from them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from domain.kernel import Scope
from tests.helpers.token_verification import CLAIMS, INVALID, refusal, verified
from tests.helpers.tokens import make_token, sign


def test_claims_become_subject_tenant_roles_and_further_claims() -> None:
    token = make_token("ada", "acme", ("editor", "reader"), team="red", level=3, jti="7f", secret="x")
    caller = verified(token)
    assert caller.scope == Scope("acme", "ada", "jwt")
    assert caller.subject == "ada"
    assert caller.roles == {"editor", "reader"}
    assert caller.claims == {"team": "red", "level": 3}
    assert caller.credential == "token-7f"


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
