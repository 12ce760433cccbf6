"""WebSocket frames as the load client needs them: RFC 6455, section 5.2."""

from __future__ import annotations

from collections.abc import Iterator

TEXT = 0x81
"""The first byte of a text message in one frame."""

_MASK = b"\0\0\0\0"
"""A client must mask what it sends; under this mask it stays as it is."""


def masked_frame(payload: bytes) -> bytes:
    """A text message of less than 64 KiB as a client sends it."""
    length = len(payload)
    head = bytes((TEXT, 0x80 | length)) if length < 126 else bytes((TEXT, 0xFE)) + length.to_bytes(2, "big")
    return head + _MASK + payload


def frames(data: bytes) -> Iterator[tuple[bytes, int]]:
    """The text messages in what a server has sent, each with the length of its frame.

    The last may not be whole yet. Raises ValueError at a frame that is anything else.
    """
    place = 0
    while place + 2 <= len(data):
        if data[place] != TEXT:
            raise ValueError(f"a server sent the frame {data[place : place + 100]!r}")
        length, head = data[place + 1], 2
        if length > 125:
            head = 4 if length == 126 else 10
            length = int.from_bytes(data[place + 2 : place + head], "big")
        end = place + head + length
        if end > len(data):
            return
        yield data[place + head : end], end - place
        place = end
