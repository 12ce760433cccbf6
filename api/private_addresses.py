"""Separates private addresses, such as those of this machine and its network, from public ones."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_NAT64 = IPv6Network("64:ff9b::/96")


def is_private(host: str) -> bool:
    """Return whether a host is localhost, or an IP address that the internet does not reach.

    An IPv6 address counts as private if it leads to a private IPv4 address.
    """
    try:
        address: IPv4Address | IPv6Address = ip_address(host.partition("%")[0])
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return any(not each.is_global or each.is_multicast for each in (address, *_embedded(address)))


def _embedded(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """Return the IPv4 addresses that an IPv6 address leads to."""
    if isinstance(address, IPv4Address):
        return []
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    return [each for each in (address.ipv4_mapped, address.sixtofour) if each is not None]
