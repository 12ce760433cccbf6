"""The signature and the header of a token: which are accepted; all refusals look alike."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OctKey

from api.access.tokens import MAX_TOKEN
from api.auth_settings import Algorithm
from tests.helpers.token_verification import CLAIMS, INVALID, refusal, verified
from tests.helpers.tokens import make_token, private_key, public_pem, sign_by_hand


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
