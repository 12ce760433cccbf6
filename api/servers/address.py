"""The address that the API listens on."""

from __future__ import annotations

import errno
import socket

from domain.kernel.errors import ConfigurationError


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises ConfigurationError where the address cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
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


def reachable(host: str) -> str:
    """The address at which a client on this machine reaches what listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)


def url_of(host: str, port: int) -> str:
    """The same as a URL."""
    local = reachable(host)
    return f"http://[{local}]:{port}" if ":" in local else f"http://{local}:{port}"
