"""A connection to mongod that breaks where a test wants it to."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from select import select
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import bson

from tests.helpers.servers import at_port

INSERT = b"\x02insert\0"
"""How an insert begins in the wire protocol: a string element named `insert`."""


COUNTERS = b"\0\x09\0\0\0counters\0"
"""How a command names the collection that hands out positions."""

HEADER = 20
"""Bytes of an OP_MSG before its first section; see the wire protocol's reference."""

SEQUENCE = 1
"""Kind of a section that holds a sequence of documents under a name."""


class Proxy(ThreadingTCPServer):
    """Passes messages on to mongod. Cuts the connection at the next inserts, as often as it is told to.

    `lose_requests`: before the server has got them. `lose_replies`: after the server has carried them out.
    What is `held` gets to the server when it is let go, also where its sender is no more.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        address = urlsplit(target)
        self.target = (address.hostname, address.port)
        self.url = at_port(target, self.server_address[1])
        self.lose_requests = 0
        self.lose_replies = 0
        self.held: list[bytes] = []
        self._holds: Callable[[bytes], bool] = lambda _message: False
        self._let_go = Event()

    def hold(self, which: Callable[[bytes], bool]) -> None:
        """Keep those requests back until `let_go`."""
        self._holds = which
        self._let_go.clear()
        self.held.clear()

    def let_go(self) -> None:
        """Pass on what is held, and hold nothing more."""
        self._holds = lambda _message: False
        self._let_go.set()

    def await_passage(self, message: bytes) -> None:
        """Return when the message may go on."""
        if self._holds(message):
            self.held.append(message)
            self._let_go.wait()

    @contextmanager
    def listening(self) -> Iterator[Proxy]:
        thread = Thread(target=self.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self.let_go()
            self.shutdown()
            self.server_close()
            thread.join()


class _Connection(BaseRequestHandler):
    """One connection; it carries one operation at a time, so a reply after an insert is the insert's."""

    server: Proxy

    def handle(self) -> None:
        with suppress(ConnectionError), socket.create_connection(self.server.target) as mongod:
            self._pass_on(mongod)

    def _pass_on(self, mongod: socket.socket) -> None:
        inserting = False
        while True:
            readable, _, _ = select([self.request, mongod], [], [])
            if self.request in readable:
                message = _message(self.request)
                inserting = INSERT in message
                if not message or (inserting and self._lost("lose_requests")):
                    return
                self.server.await_passage(message)
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


def documents(insert: bytes) -> list[dict[str, Any]]:
    """The documents that a message inserts, none where it is another message: section 1 of its OP_MSG."""
    found: list[dict[str, Any]] = []
    at = HEADER
    while INSERT in insert and at < len(insert):
        kind, size = insert[at], int.from_bytes(insert[at + 1 : at + 5], "little")
        if kind == SEQUENCE:
            begin = insert.index(0, at + 5) + 1
            found += bson.decode_all(insert[begin : at + 1 + size])
        at += 1 + size
    return found


def commits(message: bytes) -> bool:
    """Whether the message inserts commits, not only tombstones."""
    return any("events" in document for document in documents(message))


def tombstones(message: bytes) -> bool:
    """Whether the message closes positions."""
    return any("tombstone" in document for document in documents(message))


def counting(message: bytes) -> bool:
    """Whether the message asks for positions, or tells that some were taken."""
    return COUNTERS in message
