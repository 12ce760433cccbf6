"""Which addresses an outside port may not lead to."""

from __future__ import annotations

import pytest

from api.private_addresses import is_private


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "localhost",
        "api.localhost",
    ],
)
def test_a_private_address_is_recognised(host: str) -> None:
    """Also within an IPv6 address that leads to it."""
    assert is_private(host)


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::", "cards.example"]
)
def test_a_public_address_is_not(host: str) -> None:
    """Nor a name, which is resolved later."""
    assert not is_private(host)
