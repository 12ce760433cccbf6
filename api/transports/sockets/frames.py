"""WebSocket frames (RFC 6455, section 5.2) with the messages of graphql-transport-ws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from struct import pack

from api.encoding import encode, encode_to_keep

PING = b"\x89\x00"
"""A ping without a payload. Its pong needs none to be a sign of life."""

_TEXT = 0x81

_BEGIN, _MIDDLE, _END = b'{"id":', b',"type":"next","payload":', b"}"
"""Around the id and the result of a ``next`` message."""

_AROUND = len(_BEGIN) + len(_MIDDLE) + len(_END)


class NextFrames:
    """The frames of ``next`` messages with these results, for operations whose ids have the same length.

    The bytes between the ids are made once, and shared by all operations.
    """

    __slots__ = ("_pieces",)

    def __init__(self, size: int, results: Sequence[bytes]) -> None:
        self._pieces: list[bytes] = []
        end = b""
        for result in results:
            length = _AROUND + size + len(result)
            self._pieces.append(end + _head(length) + _BEGIN)
            end = _MIDDLE + result + _END
        self._pieces.append(end)

    def for_id(self, id: bytes) -> bytes:
        """Return the frames for the operation with this encoded id."""
        return id.join(self._pieces)


@lru_cache(maxsize=1_000)
def encoded_id(id: str) -> bytes:
    """Return the id of an operation as JSON, as the same object for ids that many clients use."""
    return encode_to_keep(id)


@lru_cache
def next_frames(size: int) -> Callable[[Sequence[bytes]], NextFrames]:
    """Return the function that makes frames for ids of `size` bytes, the same one each time."""
    return partial(NextFrames, size)


def text_frame(text: bytes) -> bytes:
    """Return one unmasked text frame, as a server sends it."""
    return _head(len(text)) + text


def message_frame(message: dict[str, object]) -> bytes:
    """Return a message of the protocol as a frame."""
    return text_frame(encode(message))


def next_frame(id: bytes, result: bytes) -> bytes:
    """Return a ``next`` message with a result, both encoded."""
    length = _AROUND + len(id) + len(result)
    return b"".join((_head(length), _BEGIN, id, _MIDDLE, result, _END))


@lru_cache(maxsize=1_000)
def _head(length: int) -> bytes:
    """Return the header of a text frame of `length` bytes, which many messages have in common."""
    if length < 126:
        return pack("!BB", _TEXT, length)
    if length < 65_536:
        return pack("!BBH", _TEXT, 126, length)
    return pack("!BBQ", _TEXT, 127, length)
