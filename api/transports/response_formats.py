"""The formats of a response: JSON for one result, server-sent events and multipart for any number of results.

- JSON: https://graphql.github.io/graphql-over-http/draft
- Server-sent events: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
- Multipart subscriptions, which Apollo's adapter for Relay uses too:
  https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol
- Multipart as it was before, in which each part is a result:
  https://github.com/graphql/graphql-over-http/blob/main/rfcs/IncrementalDelivery.md
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from api.encoding import LiveResult, encode
from api.graphql.error_bodies import refused_result
from domain.kernel.errors import Unavailable


@dataclass(frozen=True, slots=True, eq=False)
class ResponseFormat:
    """How results are written. A client accepts it by its `type` and the parameters that it `needs`.

    A response is the `opening`, each result as `frame` writes it, and `complete`. A format that `streams` has
    any number of results, and a `heartbeat` for times without results. `interrupted` replaces `complete`
    where the server stops and the client should resume on another one.
    """

    type: str
    content_type: str
    frame: Callable[[bytes], bytes]
    opening: bytes = b""
    complete: bytes = b""
    heartbeat: bytes = b""
    interrupted: bytes = b""
    streams: bool = True
    needs: Mapping[str, str] = field(default_factory=dict)

    def frames(self, results: Sequence[bytes]) -> bytes:
        """Return several results."""
        return b"".join(map(self.frame, results))

    def refused(self, errors: Sequence[dict[str, Any]]) -> bytes:
        """Return a result that has errors and nothing else."""
        return self.frame(encode({"errors": errors}))

    def whole(self, result: bytes) -> bytes:
        """Return a response of one result."""
        return self.opening + self.frame(result) + self.complete


def _part(boundary: str) -> Callable[[bytes], bytes]:
    """Return the writer of a part of a multipart body, with the delimiter that shows the client its end."""
    head, tail = b"\r\ncontent-type: application/json\r\n\r\n", f"\r\n--{boundary}".encode()
    return lambda body: head + body + tail


def _event(result: bytes) -> bytes:
    if isinstance(result, LiveResult) and result.position is not None:
        # A browser sends it back in Last-Event-ID when it reconnects.
        return b"event: next\nid: %b\ndata: %b\n\n" % (result.position.encode(), result)
    return b"event: next\ndata: %b\n\n" % result


_graphql_part, _plain_part = _part("graphql"), _part("-")
_STOPPING = encode(
    {"payload": None, **refused_result(Unavailable("this server is stopping; resume on another one"))}
)

JSON = ResponseFormat("application/json", "application/json; charset=utf-8", bytes, streams=False)
GRAPHQL = ResponseFormat(
    "application/graphql-response+json",
    "application/graphql-response+json; charset=utf-8",
    bytes,
    streams=False,
)
SSE = ResponseFormat(
    "text/event-stream",
    "text/event-stream; charset=utf-8",
    _event,
    # Some browsers report the connection as open with the first byte, and not before.
    opening=b":\n\n",
    complete=b"event: complete\ndata:\n\n",
    heartbeat=b":\n\n",
)
SUBSCRIPTION = ResponseFormat(
    "multipart/mixed",
    'multipart/mixed; boundary="graphql"; subscriptionSpec=1.0',
    lambda result: _graphql_part(b'{"payload":' + result + b"}"),
    opening=b"--graphql",
    complete=b"--\r\n",
    heartbeat=_graphql_part(b"{}"),
    interrupted=_graphql_part(_STOPPING) + b"--\r\n",
    needs={"subscriptionspec": "1.0"},
)
MULTIPART = ResponseFormat(
    "multipart/mixed",
    'multipart/mixed; boundary="-"',
    # Clients would take a heartbeat for a result.
    _plain_part,
    opening=b"---",
    complete=b"--\r\n",
)
ALL = (JSON, GRAPHQL, SSE, SUBSCRIPTION, MULTIPART)
"""In the order in which they are chosen for a client without a preference."""

MAX_RANGES = 50
"""Entries of an Accept header that are read. No client sends as many."""

_UTF8 = frozenset({"utf8", "unicode11utf8", "ascii", "usascii"})
_NO_LABEL = re.compile(r"[^a-z0-9]")
_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


@dataclass(frozen=True, slots=True)
class _Range:
    """An entry of an Accept header in lower case; `place` is its index in the header."""

    type: str
    parameters: Mapping[str, str]
    weight: float
    place: int

    def match(self, media: ResponseFormat) -> int:
        """Return how closely the entry names the format; 0 where it does not."""
        if any(self.parameters.get(name) != value for name, value in media.needs.items()):
            return 0
        if not is_utf8(self.parameters.get("charset", "utf-8")):
            return 0
        family = media.type.partition("/")[0]
        return (self.type == "*/*") + 2 * (self.type == f"{family}/*") + 3 * (self.type == media.type)


def types(streams: bool = False) -> str:
    """Return the names of all media types, or of those that stream."""
    return ", ".join(dict.fromkeys(media.type for media in ALL if media.streams or not streams))


def read_parameters(header: str) -> tuple[str, dict[str, str]]:
    """Return a media type and its parameters, in lower case and without quotes."""
    named, *rest = (part.strip() for part in header.lower().split(";"))
    pairs = (part.partition("=") for part in rest)
    return named, {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def is_utf8(label: str) -> bool:
    """Return whether the label of a character set means UTF-8, or its subset ASCII."""
    return _NO_LABEL.sub("", label.lower()) in _UTF8


@lru_cache(100)
def choose(accept: str | None, streams: bool) -> ResponseFormat | None:
    """Return the format for a client with this Accept header; None where it accepts none.

    A subscription `streams`. A single result is streamed only to a client that prefers no other format.
    """
    entries = (accept or "*/*").lower().split(",")[:MAX_RANGES]
    ranges = [_read(entry, place) for place, entry in enumerate(entries)]
    accepted: list[tuple[float, bool, int, ResponseFormat]] = []
    for media in ALL:
        closeness, _, best = max((entry.match(media), -entry.place, entry) for entry in ranges)
        if closeness and best.weight and (media.streams or not streams):
            accepted.append((-best.weight, media.streams, best.place, media))
    return min(accepted, key=lambda choice: choice[:3])[3] if accepted else None


def _read(entry: str, place: int) -> _Range:
    named, parameters = read_parameters(entry)
    weight = parameters.get("q", "1")
    return _Range(named, parameters, float(weight) if _WEIGHT.fullmatch(weight) else 1.0, place)
