"""API keys as their holders have them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.access.key_format import ParsedKey, format_key, new_secret, parse_key

SECRET = "5e" * 32
"""Fixed, because it is in the names of tests."""


@given(st.from_regex(r"\A[A-Za-z0-9._:-]{1,120}\Z"))
def test_a_key_names_its_stream_and_its_secret(suffix: str) -> None:
    secret = new_secret()
    assert parse_key(format_key(f"apikey-{suffix}", secret.text)) == ParsedKey(
        f"apikey-{suffix}", secret.hash
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nerve_",
        f"nerve_{SECRET}",
        f"nerve__{SECRET}",
        f"nerve_1_{SECRET[1:]}",
        f"nerve_1_{SECRET}0",
        f"Nerve_1_{SECRET}",
        f"nerve_1_{SECRET[1:]}ä",
        f"eyJ_1_{SECRET}",
    ],
)
def test_other_texts_are_no_keys(text: str) -> None:
    assert parse_key(text) is None


def test_each_secret_is_another() -> None:
    assert len({new_secret().hash for _ in range(100)}) == 100
