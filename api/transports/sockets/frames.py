"""What is sent: WebSocket frames (RFC 6455, section 5.2), and graphql-transport-ws messages in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from struct import pack

from api.encoding import encode, encode_to_keep

PING = b"\x89\x00"
"""A ping without a payload: a pong needs none to show that somebody is there."""

_TEXT = 0x81

_BEGIN, _MIDDLE, _END = b'{"id":', b',"type":"next","payload":', b"}"
"""Around the id and the result of a ``next`` message."""


class NextFrames:
    """The frames of ``next`` messages with these results, for operations whose ids are equally long.

    They are made but for the ids: what stands between those is shared, however many ids there are.
    """

    __slots__ = ("_pieces",)

    def __init__(self, size: int, results: Sequence[bytes]) -> None:
        self._pieces: list[bytes] = []
        end = b""
        for result in results:
            length = len(_BEGIN) + size + len(_MIDDLE) + len(result) + len(_END)
            self._pieces.append(end + _head(length) + _BEGIN)
            end = _MIDDLE + result + _END
        self._pieces.append(end)

    def of(self, id: bytes) -> bytes:
        """Those of the operation with this id, which is encoded."""
        return id.join(self._pieces)


@lru_cache(maxsize=1_000)
def encoded_id(id: str) -> bytes:
    """The id of an operation as JSON; ids that many clients use are the same object."""
    return encode_to_keep(id)


@lru_cache
def next_frames(size: int) -> Callable[[Sequence[bytes]], NextFrames]:
    """What makes them for ids of so many bytes, always the same for one size."""
    return partial(NextFrames, size)


def text_frame(text: bytes) -> bytes:
    """One unmasked text frame, as a server sends it."""
    return _head(len(text)) + text


def message_frame(message: dict[str, object]) -> bytes:
    """A message of the protocol as a frame."""
    return text_frame(encode(message))


def next_frame(id: str, result: bytes) -> bytes:
    """A ``next`` message of the operation, with an encoded result."""
    encoded = encoded_id(id)
    return NextFrames(len(encoded), (result,)).of(encoded)


def _head(length: int) -> bytes:
    """What precedes a text of so many bytes."""
    if length < 126:
        return pack("!BB", _TEXT, length)
    if length < 65_536:
        return pack("!BBH", _TEXT, 126, length)
    return pack("!BBQ", _TEXT, 127, length)
