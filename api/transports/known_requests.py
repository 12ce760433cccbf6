"""Requests that are known byte by byte, so that nothing in them has to be read again.

A client that repeats a query sends the same bytes. Once such a request was served from the cache of results,
everything that depends on its bytes alone is known: that its origin is accepted, its media types, the
operation with its variables, and the headers of the response. What may change is done for each request: its
client is authenticated, its limits are checked, and whether rows have changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.access.callers import Caller
from api.graphql.execution.result_cache import ResultKey
from api.transports.response_formats import ResponseFormat
from domain.kernel.limit_errors import RateLimited
from eventstore.lru import LruCache

MAX_REQUEST = 8_192
"""Bytes of a request that is remembered."""

MAX_BYTES = 8_000_000
"""Of all remembered requests, approximately."""

ENTRY_BYTES = 2_000
"""What a request takes in addition to its bytes."""

_BYTES = "nerve.request_bytes"
_REFUSAL = "nerve.refusal"

Header = tuple[bytes, bytes]


@dataclass(slots=True)
class KnownRequest:
    """A request of this caller, the bytes that it `sent`, and the `key` of its cached result.

    The names of `headers` are in lower case. `forwarded` are the values of ``X-Forwarded-For``. `head` are
    the lines of the response's headers without its length.
    """

    sent: bytes
    headers: Mapping[str, str]
    forwarded: Sequence[str]
    caller: Caller
    key: ResultKey
    media: ResponseFormat
    head: bytes = b""


class KnownRequests:
    """The requests that were served last."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._requests: LruCache[bytes, KnownRequest] = LruCache(
            max_bytes, lambda request: len(request.sent) + ENTRY_BYTES
        )

    @property
    def weight(self) -> int:
        """The bytes that they take, approximately."""
        return self._requests.weight

    def find(self, data: bytes) -> KnownRequest | None:
        """Return the request that consists of these bytes."""
        return self._requests.get(data)

    def remember(self, request: KnownRequest, headers: Iterable[Header]) -> None:
        """Remember the request, which is responded to with these headers."""
        lines = (b"%b: %b\r\n" % header for header in headers if header[0] != b"content-length")
        request.head = b"".join(lines)
        self._requests.put(request.sent, request)


def note_bytes(scope: MutableMapping[str, Any], data: bytes) -> None:
    """Note that the request with this scope consists of these bytes, and may be remembered."""
    scope[_BYTES] = data


def bytes_of(scope: Mapping[str, Any]) -> bytes | None:
    """Return the bytes of a request that may be remembered."""
    return scope.get(_BYTES)


def note_refusal(scope: MutableMapping[str, Any], refusal: RateLimited) -> None:
    """Note that the limits of the caller refuse the request with this scope, and have counted it."""
    scope[_REFUSAL] = refusal


def check_refusal(scope: Mapping[str, Any]) -> None:
    """Raise RateLimited if the request with this scope was refused already."""
    refusal: RateLimited | None = scope.get(_REFUSAL)
    if refusal is not None:
        raise refusal
