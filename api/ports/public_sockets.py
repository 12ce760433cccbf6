"""Sockets that connect to public addresses only."""

from __future__ import annotations

import errno
import socket

from aiohttp.connector import AddrInfoType

from api.private_addresses import is_private


class PrivateAddress(OSError):
    """A host leads to a private address. The message has no address, so that all of a host's are alike."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, "its address is private")


def open_public_socket(info: AddrInfoType) -> socket.socket:
    """Return a socket for an address that was resolved; raise PrivateAddress for a private one.

    The socket connects to this very address: a name that resolves to another one later changes nothing.
    """
    family, kind, protocol, _, address = info
    if is_private(str(address[0])):
        raise PrivateAddress
    return socket.socket(family=family, type=kind, proto=protocol)
