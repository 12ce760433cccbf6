"""Opens the socket that the API listens on."""

from __future__ import annotations

import errno
import socket
import sys

from domain.kernel.errors import ConfigurationError

DEAD_PEER_TIMEOUT = 60
"""Seconds after which the kernel closes a connection whose peer neither answers nor reads."""


def listen(host: str, port: int, dead_peer_timeout: int = DEAD_PEER_TIMEOUT) -> socket.socket:
    """Return a listening socket. Raises ConfigurationError where the address is not available.

    The kernel detects dead peers of its connections, because a client may disappear without closing.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            _detect_dead_peers(listener, dead_peer_timeout)
            listener.bind(address)
            listener.listen()
        except OSError:
            listener.close()
            raise
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"port {port} on {host} is taken; stop the program that uses it, or set NERVE_PORT"
                " to another port (0 takes a free one)"
            ) from None
        raise ConfigurationError(f"nerve cannot listen on {host} port {port}: {error.strerror}") from None
    return listener


def _detect_dead_peers(listener: socket.socket, dead_peer_timeout: int) -> None:
    # Accepted connections inherit the options of the listener.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(dead_peer_timeout // 2, 1))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(dead_peer_timeout // 6, 1))
        # It also limits keep-alive probes, and probes of a peer that does not read.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, dead_peer_timeout * 1_000)


def reachable(host: str) -> str:
    """Return the address at which a client on this machine connects to a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)


def url_of(host: str, port: int, *, tls: bool = False) -> str:
    """Return the URL at which a client on this machine connects to the server."""
    local, scheme = reachable(host), "https" if tls else "http"
    return f"{scheme}://[{local}]:{port}" if ":" in local else f"{scheme}://{local}:{port}"
