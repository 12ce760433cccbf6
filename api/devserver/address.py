"""The address that the API listens on."""

from __future__ import annotations

import errno
import socket
import sys

from domain.kernel.errors import ConfigurationError

GONE_AFTER = 60
"""Seconds after which a connection is cut whose other side answers nothing, or takes nothing."""


def listen(host: str, port: int, gone_after: int = GONE_AFTER) -> socket.socket:
    """A listening socket; raises ConfigurationError where the address cannot be had.

    The kernel watches over its connections: a client may vanish without a word.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            _watch_over(listener, gone_after)
            listener.bind(address)
            listener.listen()
        except OSError:
            listener.close()
            raise
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"port {port} on {host} is taken; stop what uses it, or set NERVE_PORT to another one"
                " (0 takes a free one)"
            ) from None
        raise ConfigurationError(f"nerve cannot listen on {host} port {port}: {error.strerror}") from None
    return listener


def _watch_over(listener: socket.socket, gone_after: int) -> None:
    # What is accepted has the options of the listener.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(gone_after // 2, 1))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(gone_after // 6, 1))
        # It ends keep-alive probes too, and those to a window that stays shut.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, gone_after * 1_000)


def reachable(host: str) -> str:
    """The address at which a client on this machine reaches what listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)


def url_of(host: str, port: int) -> str:
    """The same as a URL."""
    local = reachable(host)
    return f"http://[{local}]:{port}" if ":" in local else f"http://{local}:{port}"
