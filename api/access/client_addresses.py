"""The address of the client behind a request, also where proxies pass the request on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

IPV6_PREFIX = 64
"""Bits of an IPv6 address that belong to one client, which has all addresses below them."""

_MAX_HOPS = 32
"""Addresses of the header that are read."""


class ClientAddresses:
    """Finds the address of the client of a request.

    `trusted` are the addresses or networks of proxies whose header ``X-Forwarded-For`` is true. From all
    others the header is ignored, because a client can write any address into it.
    """

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted = tuple(ip_network(text) for text in trusted)

    def find(self, peer: str | None, forwarded: Sequence[str]) -> str | None:
        """Return the client's address; None for a connection without one, such as a Unix socket.

        `peer` is the other end of the connection, and `forwarded` the values of each header
        ``X-Forwarded-For``, in their order. The last address in them that is no trusted proxy is the
        client's: those before it are the client's own words.
        """
        if not forwarded:
            return _read_text(peer or "")
        address = _read(peer or "")
        if address is None or not self._trusts(address):
            return None if address is None else str(address)
        hops = ",".join(forwarded).split(",")[-_MAX_HOPS:]
        for hop in reversed(hops):
            sender = _read(hop.strip())
            if sender is None:
                break
            address = sender
            if not self._trusts(sender):
                break
        return str(address)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


@lru_cache(1_000)
def client_network(address: str) -> str:
    """Return the network that counts as one client: an IPv4 address, or the first 64 bits of an IPv6 one."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv4Address):
        return address
    return str(IPv6Network((parsed, IPV6_PREFIX), strict=False))


@lru_cache(1_000)
def _read_text(text: str) -> str | None:
    """Return the text of the address that `_read` returns: connections send many requests."""
    address = _read(text)
    return None if address is None else str(address)


def _read(text: str) -> Address | None:
    """Return the address in a text that may have a port; None where it is none."""
    host = text
    if text.startswith("["):
        host = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        host = text.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
