"""Requests that a foreign page could send with a user's cookie, and those that it could not (CSRF)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from api.access.forgery import check_forgery
from domain.kernel.errors import Forbidden

COOKIE = {"cookie": "theme=dark; session=token"}


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {}),
        ("HEAD", {}),
        ("GET", {"accept": "text/event-stream"}),
        ("POST", {}),
        ("POST", {"content-type": "text/plain"}),
        ("POST", {"content-type": "text/plain; application/json"}),
        ("POST", {"content-type": "multipart/form-data; boundary=x"}),
        ("POST", {"content-type": "application/x-www-form-urlencoded"}),
        ("GET", {"sec-fetch-site": "cross-site"}),
        ("GET", {"sec-fetch-site": "same-site"}),
    ],
)
def test_what_a_foreign_page_could_send_with_the_cookie_is_refused(
    method: str, headers: Mapping[str, str]
) -> None:
    with pytest.raises(Forbidden, match="graphql-require-preflight"):
        check_forgery(method, {**COOKIE, **headers}, "session")
    # Without the cookie that authenticates, it is the request of somebody without credentials.
    check_forgery(method, headers, "session")
    check_forgery(method, {**headers, "cookie": "theme=dark"}, "session")
    check_forgery(method, {**COOKIE, **headers}, None)


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {"content-type": "application/json"}),
        ("POST", {"content-type": "Application/JSON; charset=utf-8"}),
        ("GET", {"graphql-require-preflight": ""}),
        ("GET", {"apollo-require-preflight": "1"}),
        ("GET", {"x-requested-with": "XMLHttpRequest"}),
        ("GET", {"authorization": "Bearer token"}),
        # Origins are checked before, by the list of those that are allowed.
        ("GET", {"origin": "https://app.example"}),
        ("GET", {"sec-fetch-site": "same-origin"}),
        ("GET", {"sec-fetch-site": "none"}),
        ("PUT", {}),
        ("DELETE", {}),
    ],
)
def test_what_no_foreign_page_can_send_is_accepted(method: str, headers: Mapping[str, str]) -> None:
    check_forgery(method, {**COOKIE, **headers}, "session")
