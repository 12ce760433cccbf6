"""Which pages may use the API, decided by three headers."""

from __future__ import annotations

from typing import cast

import pytest
from starlette.types import Receive, Scope, Send

from api.access.origins import OriginPolicy, read_host, read_origin
from api.settings import Settings
from api.transports.origin_guard import OriginGuard
from domain.kernel.errors import Forbidden

OWN = "127.0.0.1:8321"


@pytest.mark.parametrize(
    ("host", "origin", "site"),
    [
        (OWN, None, None),
        (None, None, None),
        ("localhost:8321", None, None),
        ("LOCALHOST", None, None),
        ("localhost.:8321", None, None),
        ("nerve.localhost:8321", None, None),
        ("[::1]:8321", "http://[::1]:8321", "same-origin"),
        ("10.1.2.3", None, None),
        (OWN, "http://127.0.0.1:8321", "same-origin"),
        (OWN, None, "none"),
        (OWN, None, "same-origin"),
        ("localhost", "https://localhost", "same-origin"),
        ("localhost:443", "https://localhost", None),
        ("nerve.example", "https://nerve.example", "same-origin"),
    ],
)
def test_e1_the_servers_own_pages_and_clients_that_are_no_page_come_in(
    host: str | None, origin: str | None, site: str | None
) -> None:
    assert OriginPolicy(["nerve.example"]).check(host, origin, site) is False


@pytest.mark.parametrize(
    ("host", "origin", "site", "setting"),
    [
        (OWN, "https://evil.example", None, "allowed_origins"),
        (OWN, "null", None, "allowed_origins"),
        (OWN, "", None, "allowed_origins"),
        (OWN, "http://127.0.0.1:5173", "same-site", "allowed_origins"),
        (OWN, "http://127.0.0.1", None, "allowed_origins"),
        (OWN, "http://127.0.0.1:8321.evil.example", None, "allowed_origins"),
        (OWN, "http://evil.example#127.0.0.1:8321", None, "allowed_origins"),
        (OWN, "http://localhost:8321", None, "allowed_origins"),
        (OWN, None, "cross-site", "allowed_origins"),
        (OWN, None, "same-site", "allowed_origins"),
        (OWN, "http://127.0.0.1:8321", "cross-site", "allowed_origins"),
        ("evil.example", None, None, "allowed_hosts"),
        ("evil.example:8321", "http://evil.example:8321", "same-origin", "allowed_hosts"),
        ("localhost.evil.example", None, None, "allowed_hosts"),
        ("127.0.0.1.evil.example", None, None, "allowed_hosts"),
        ("evil-localhost", None, None, "allowed_hosts"),
        ("evil.example@127.0.0.1", None, None, "allowed_hosts"),
        ("127.0.0.1:8321 evil.example", None, None, "allowed_hosts"),
        (":8321", None, None, "allowed_hosts"),
    ],
)
def test_e1_foreign_pages_and_names_are_refused_and_the_setting_is_named(
    host: str | None, origin: str | None, site: str | None, setting: str
) -> None:
    with pytest.raises(Forbidden, match=setting):
        OriginPolicy(origins=["https://app.example"]).check(host, origin, site)


def test_e1_a_listed_origin_is_let_in_and_recognised_as_another_origin() -> None:
    policy = OriginPolicy(["nerve.example"], ["https://app.example", "http://localhost:5173"])
    assert policy.check("nerve.example", "https://app.example", "cross-site") is True
    assert policy.check("localhost:8321", "http://localhost:5173", "same-site") is True
    for origin in ("http://app.example", "https://app.example:8443", "https://app.example.evil.example"):
        with pytest.raises(Forbidden):
            policy.check("nerve.example", origin, None)
    with pytest.raises(Forbidden, match="allowed_hosts"):
        policy.check("evil.example", "https://app.example", "cross-site")


def test_all_pages_and_all_hosts_can_be_let_in_explicitly() -> None:
    assert OriginPolicy(["*"], ["*"]).check("any.example", "null", "cross-site") is True
    assert OriginPolicy(["*"]).check("any.example", None, None) is False


def test_long_headers_are_refused_and_never_cached() -> None:
    policy = OriginPolicy(["*"], ["*"])
    for host, origin in (("a" * 301, None), (None, "http://" + "a" * 301)):
        with pytest.raises(Forbidden, match="longer than 300"):
            policy.check(host, origin, None)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("HTTPS://App.Example:443", "https://app.example"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:5173", "http://[::1]:5173"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ("app.example", None),
        ("https://app.example/path", None),
        ("https://*.example", None),
        ("https://user@app.example", None),
        ("null", None),
    ],
)
def test_an_origin_has_one_form(text: str, origin: str | None) -> None:
    assert read_origin(text) == origin


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Nerve.Example.", "nerve.example"),
        ("::1", "[::1]"),
        ("nerve.example:80", None),
        ("http://nerve.example", None),
    ],
)
def test_a_host_has_one_form(text: str, host: str | None) -> None:
    assert read_host(text) == host


def test_the_settings_are_checked_at_the_start() -> None:
    settings = Settings(allowed_origins="https://App.example/, http://localhost:5173", allowed_hosts="Api")
    assert settings.allowed_origins == ("https://app.example", "http://localhost:5173")
    assert settings.allowed_hosts == ("api",)
    for wrong in (
        {"allowed_origins": ["app.example"]},
        {"allowed_origins": ["null"]},
        {"allowed_origins": ["https://app.example/page"]},
        {"allowed_hosts": ["https://app.example"]},
        {"path_prefix": "nerve"},
        {"path_prefix": "/nerve/"},
    ):
        with pytest.raises(ValueError, match=r"is not scheme://host|is not a name|a prefix is a path"):
            Settings(**wrong)


async def test_e1_an_asgi_server_starts_the_application_behind_the_guard() -> None:
    """Servers other than nerve's own send the scope `lifespan`, which has no headers."""
    scopes: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope["type"])

    guard = OriginGuard(app, OriginPolicy(), pages=(), open_hosts=())
    await guard({"type": "lifespan"}, cast(Receive, None), cast(Send, None))
    assert scopes == ["lifespan"]
