"""Settings of authentication that go together, and those that do not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from api.auth_settings import AuthSettings


def test_authentication_is_by_keys_alone_without_an_issuer() -> None:
    assert AuthSettings().api_keys
    assert AuthSettings(api_keys=True).keys_url is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"api_keys": False}, "nothing is accepted"),
        ({"audience": "nerve"}, "audience is about tokens, and needs issuer"),
        ({"secret": "s" * 40}, "secret is about tokens, and needs issuer"),
        ({"issuer": "https://login.example"}, "issuer needs audience"),
    ],
    ids=str,
)
def test_settings_of_tokens_need_an_issuer(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AuthSettings(**values)
