"""The address of a client, also behind proxies, and only behind those that are trusted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from api.access.client_addresses import ClientAddresses, client_network
from api.settings import Settings

PROXIES = ClientAddresses(["10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        (None, ["192.0.2.1"], None),
        # The header counts only where a trusted proxy sends it.
        ("192.0.2.1", ["192.0.2.9"], "192.0.2.1"),
        ("10.0.0.1", ["192.0.2.9"], "192.0.2.9"),
        ("::ffff:10.0.0.1", ["192.0.2.9"], "192.0.2.9"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        # The client writes what it likes before what the proxies add.
        ("10.0.0.1", ["10.0.0.7, 127.0.0.1, 192.0.2.9"], "192.0.2.9"),
        ("10.0.0.1", ["192.0.2.1, 192.0.2.9, 10.0.0.2"], "192.0.2.9"),
        ("10.0.0.1", ["192.0.2.1", "192.0.2.9"], "192.0.2.9"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        # What is no address ends the search.
        ("10.0.0.1", ["192.0.2.1, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.9:4711"], "192.0.2.9"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ["192.0.2.1," * 10_000 + "192.0.2.9"], "192.0.2.9"),
    ],
)
def test_the_address_of_a_client(peer: str | None, forwarded: Sequence[str], address: str | None) -> None:
    assert PROXIES.find(peer, forwarded) == address


def test_no_proxy_is_trusted_by_default() -> None:
    """Not even one on this machine."""
    addresses = ClientAddresses(Settings().trusted_proxies)
    assert addresses.find("127.0.0.1", ["192.0.2.9"]) == "127.0.0.1"


def test_a_client_has_all_addresses_of_its_network() -> None:
    assert client_network("192.0.2.1") == "192.0.2.1"
    assert client_network("2001:db8:0:1:2:3:4:5") == client_network("2001:db8:0:1::")
    assert client_network("2001:db8:0:1::") != client_network("2001:db8:0:2::")
