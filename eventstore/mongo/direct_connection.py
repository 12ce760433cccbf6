"""A connection of the driver's pool that the event loop uses without the driver.

motor runs each call in a thread of its pool. For a read of one document, its layers and the two changes of
threads take about ten times as long as the message itself. So the smallest and most frequent reads are sent
directly, as messages of MongoDB's wire protocol. The driver makes, authenticates and encrypts the connection,
and serves each read that fails here.

https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/#op_msg
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack
from ssl import SSLWantReadError
from struct import Struct
from time import monotonic
from typing import Any

import bson
from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.read_preferences import ReadPreference
from pymongo.synchronous.pool import Connection
from pymongo.topology_description import TopologyDescription

from eventstore.mongo.driver import Database, Document

logger = logging.getLogger(__name__)

PATIENCE = 2.0
"""Seconds after which a connection without a reply is closed, and the driver reads instead."""

REOPEN_AFTER = 1.0
"""Seconds between two attempts to open a connection."""

MAX_WAITING = 8
"""Replies that may be outstanding. MongoDB handles the commands of a connection one after the other."""

_OP_MSG = 2013
_HEAD = Struct("<iiiiIb")
"""Length, request id, id that is responded to, kind of message, flags, and kind of section: one document."""

_RECEIVED = 65_536


class ReplyLost(Exception):
    """The connection was closed before the reply."""


def encode_command(database: str, command: Mapping[str, Any]) -> bytes:
    """Return the message of a command; the server's work is limited to `PATIENCE` if it has no own limit."""
    limit = command.get("maxTimeMS", int(PATIENCE * 1_000))
    body = bson.encode({**command, "maxTimeMS": limit, "$db": database})
    return _HEAD.pack(_HEAD.size + len(body), 0, 0, _OP_MSG, 0, 0) + body


class DirectConnection:
    """One connection to the primary of motor's client, opened when it is first used.

    With the driver's own asyncio client it is never open.
    """

    def __init__(self, database: Database) -> None:
        motor: Any = database if isinstance(database, AsyncIOMotorDatabase) else None
        self._client: MongoClient[Document] | None = None if motor is None else motor.client.delegate
        self._pool_place = ExitStack()
        self._connection: Connection | None = None
        self._socket: socket.socket | None = None
        self._topology: TopologyDescription | None = None
        self._opening: asyncio.Task[None] | None = None
        self._opened_at = float("-inf")
        self._replies: deque[asyncio.Future[Document]] = deque()
        self._received = bytearray()
        self._waiting_since = 0.0
        """When the reply that is due next became the one that is due, on the event loop's clock."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    @property
    def waiting(self) -> int:
        """The number of replies that are outstanding."""
        return len(self._replies)

    def send(self, message: bytes) -> asyncio.Future[Document] | None:
        """Send a message of `encode_command`, and return the reply, which may say that the command failed.

        Returns None where the driver has to send the command. The future raises ReplyLost.
        """
        if self._socket is None or not self._is_primary():
            self._open_later()
            return None
        if len(self._replies) >= MAX_WAITING:
            return None
        try:
            is_sent = self._socket.send(message) == len(message)
        except OSError:
            is_sent = False
        if not is_sent:
            self._drop()
            return None
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Document] = loop.create_future()
        if not self._replies:
            self._waiting_since = loop.time()
        self._replies.append(reply)
        if self._timer is None:
            self._timer = loop.call_later(PATIENCE, self._check_patience)
        return reply

    async def close(self) -> None:
        """Close the connection; it is not opened again."""
        self._client = None
        if self._opening is not None:
            await self._opening
        self._drop()

    def _is_primary(self) -> bool:
        """Return whether the driver knows no other primary by now."""
        assert self._client is not None
        assert self._connection is not None
        topology = self._client.topology_description
        if topology is not self._topology:
            server = topology.server_descriptions().get(self._connection.address)
            if server is None or not server.is_writable:
                self._drop()
                return False
            self._topology = topology
        return True

    def _open_later(self) -> None:
        if self._client is None or self._opening is not None or monotonic() < self._opened_at + REOPEN_AFTER:
            return
        self._opened_at = monotonic()
        self._opening = asyncio.create_task(self._open(self._client))

    async def _open(self, client: MongoClient[Document]) -> None:
        try:
            connection = await asyncio.to_thread(self._take, client)
        except PyMongoError as error:
            logger.debug("no direct connection to MongoDB: %s", error)
            return
        finally:
            self._opening = None
        self._connection = connection
        opened = connection.conn.sock
        if not isinstance(opened, socket.socket):
            # TLS by pyOpenSSL, which does not behave like a socket.
            self._client = None
            self._drop()
            return
        opened.settimeout(0)
        self._socket = opened
        asyncio.get_running_loop().add_reader(opened.fileno(), self._receive)

    def _take(self, client: MongoClient[Document]) -> Connection:
        taken = client._conn_for_reads(ReadPreference.PRIMARY, None, "find")
        connection, _ = self._pool_place.enter_context(taken)
        return connection

    def _receive(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(_RECEIVED)
        except (BlockingIOError, SSLWantReadError):
            return
        except OSError:
            data = b""
        if not data:
            self._drop()
            return
        if not self._received and self._replies and int.from_bytes(data[:4], "little") == len(data):
            # Most replies arrive alone and in one piece.
            self._reply(bson.decode(memoryview(data)[_HEAD.size :]))
            return
        self._received += data
        while self._replies and len(self._received) >= _HEAD.size:
            size = _HEAD.unpack_from(self._received)[0]
            if len(self._received) < size:
                break
            self._reply(bson.decode(bytes(self._received[_HEAD.size : size])))
            del self._received[:size]

    def _reply(self, document: Document) -> None:
        reply = self._replies.popleft()
        if self._replies:
            self._waiting_since = asyncio.get_running_loop().time()
        if not reply.done():
            reply.set_result(document)

    def _check_patience(self) -> None:
        """Close the connection if a reply is overdue, or else look again when it will be.

        To start and cancel a timer for each reply would take longer than to send its command.
        """
        self._timer = None
        if not self._replies:
            return
        loop = asyncio.get_running_loop()
        due = self._waiting_since + PATIENCE
        if loop.time() >= due:
            self._drop()
        else:
            self._timer = loop.call_at(due, self._check_patience)

    def _drop(self) -> None:
        """Close the connection, if there is one; what waits for replies is read by the driver."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket = None
        if self._connection is not None:
            self._connection.close_conn(None)
            self._connection = None
            self._pool_place.close()
        self._received.clear()
        while self._replies:
            if not (reply := self._replies.popleft()).done():
                reply.set_exception(ReplyLost())
