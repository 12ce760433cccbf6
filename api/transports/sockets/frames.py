"""What is sent: WebSocket frames (RFC 6455, section 5.2), and graphql-transport-ws messages in them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from struct import pack

import orjson

from api.encoding import encode

PING = b"\x89\x00"
"""A ping without a payload: a pong needs none to show that somebody is there."""

_TEXT = 0x81


def text_frame(*parts: bytes) -> bytes:
    """One unmasked text frame, as a server sends it, around the joined parts of its text."""
    length = sum(map(len, parts))
    if length < 126:
        head = pack("!BB", _TEXT, length)
    elif length < 65_536:
        head = pack("!BBH", _TEXT, 126, length)
    else:
        head = pack("!BBQ", _TEXT, 127, length)
    return b"".join((head, *parts))


def message_frame(message: dict[str, object]) -> bytes:
    """A message of the protocol as a frame."""
    return text_frame(encode(message))


@lru_cache(maxsize=10_000)
def next_frames(id: str) -> Callable[[bytes], bytes]:
    """What makes frames of ``next`` messages of the operation `id` from encoded results."""
    head = b'{"id":%b,"type":"next","payload":' % orjson.dumps(id)
    return lambda result: text_frame(head, result, b"}")
