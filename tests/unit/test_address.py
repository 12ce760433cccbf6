"""The address that the API listens on, and connections whose other side is gone."""

from __future__ import annotations

import errno
import select
import socket
import sys
from contextlib import suppress

import pytest

from api.devserver.address import listen


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels have no such option")
def test_a_client_that_takes_nothing_is_cut_off_by_the_kernel() -> None:
    with listen("127.0.0.1", 0, dead_peer_timeout=1) as listener, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        with accepted:
            accepted.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    accepted.send(bytes(65_536))
            poll = select.poll()
            poll.register(accepted, select.POLLERR)
            assert poll.poll(30_000)
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ETIMEDOUT


def test_what_is_accepted_is_probed_when_it_is_silent() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
