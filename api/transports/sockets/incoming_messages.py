"""The messages of graphql-transport-ws that a client sends."""

from __future__ import annotations

from typing import Any

import orjson

from api.limits.json_limits import check_json_size
from api.transports.sockets.close_codes import BAD_REQUEST, INVALID_TEXT, ProtocolViolation
from domain.kernel.limit_errors import TooComplex


def read_message(text: bytes | bytearray) -> dict[str, Any]:
    """Return the message that a client has sent.

    Raises ProtocolViolation for one that is no JSON object, or has too many values.
    """
    try:
        check_json_size(text)
        message = orjson.loads(text)
    except TooComplex as error:
        raise ProtocolViolation(BAD_REQUEST, f"Invalid message: {error}") from None
    except orjson.JSONDecodeError:
        _check_encoding(text)
        raise ProtocolViolation(BAD_REQUEST, "Invalid message: not JSON") from None
    if not isinstance(message, dict):
        raise ProtocolViolation(BAD_REQUEST, "Invalid message: not an object")
    return message


def _check_encoding(text: bytes | bytearray) -> None:
    # RFC 6455, section 8.1, has a close code of its own for text that is not UTF-8.
    try:
        text.decode()
    except UnicodeDecodeError:
        raise ProtocolViolation(INVALID_TEXT, "Invalid message: not UTF-8") from None
