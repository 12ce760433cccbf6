"""A connection to mongod that breaks where a test wants it to."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from select import select
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from urllib.parse import urlsplit

INSERT = b"\x02insert\0"
"""How an insert begins in the wire protocol: a string element named `insert`."""


class Proxy(ThreadingTCPServer):
    """Passes messages on to mongod. Cuts the connection at the next inserts, as often as it is told to.

    `lose_requests`: before the server has got them. `lose_replies`: after the server has carried them out.
    """

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        address = urlsplit(target)
        self.target = (address.hostname, address.port)
        self.url = f"mongodb://127.0.0.1:{self.server_address[1]}/?directConnection=true"
        self.lose_requests = 0
        self.lose_replies = 0

    @contextmanager
    def listening(self) -> Iterator[Proxy]:
        thread = Thread(target=self.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()
            thread.join()


class _Connection(BaseRequestHandler):
    """One connection; it carries one operation at a time, so a reply after an insert is the insert's."""

    server: Proxy

    def handle(self) -> None:
        with socket.create_connection(self.server.target) as mongod:
            inserting = False
            while True:
                readable, _, _ = select([self.request, mongod], [], [])
                if self.request in readable:
                    message = _message(self.request)
                    inserting = INSERT in message
                    if not message or (inserting and self._lost("lose_requests")):
                        return
                    mongod.sendall(message)
                else:
                    message = _message(mongod)
                    if not message or (inserting and self._lost("lose_replies")):
                        return
                    self.request.sendall(message)

    def _lost(self, what: str) -> bool:
        left = getattr(self.server, what)
        if left:
            setattr(self.server, what, left - 1)
        return bool(left)


def _message(source: socket.socket) -> bytes:
    """The next message, nothing where the connection has ended."""
    head = source.recv(4, socket.MSG_WAITALL)
    if len(head) < 4:
        return b""
    rest = int.from_bytes(head, "little") - 4
    return head + source.recv(rest, socket.MSG_WAITALL)
