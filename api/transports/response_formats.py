"""The forms of an answer: JSON for one result, server-sent events and multipart for any number of them.

- JSON: https://graphql.github.io/graphql-over-http/draft - Server-sent events:
https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md - Multipart subscriptions, which Apollo's
adapter for Relay speaks too:
https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol - Multipart as
it was before, whose parts are the results:
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
    """How results are written. `type` and the parameters it `needs` are what a client accepts it by.

    An answer is the `opening`, each result as `frame` writes it, and `complete`. One that `streams` may have
    any number of results, and a `heartbeat` where there is nothing else to tell. Instead of `complete` it may
    be `interrupted`: the server goes, and the client is to resume elsewhere.
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
        """So many results."""
        return b"".join(map(self.frame, results))

    def refused(self, errors: Sequence[dict[str, Any]]) -> bytes:
        """A result that has errors and nothing else."""
        return self.frame(encode({"errors": errors}))

    def whole(self, result: bytes) -> bytes:
        """An answer of one result."""
        return self.opening + self.frame(result) + self.complete


def _part(boundary: str) -> Callable[[bytes], bytes]:
    """A part of a multipart body, up to the next delimiter: only then does a client know that it is whole."""
    head, tail = b"\r\ncontent-type: application/json\r\n\r\n", f"\r\n--{boundary}".encode()
    return lambda body: head + body + tail


def _event(result: bytes) -> bytes:
    if isinstance(result, LiveResult) and result.position is not None:
        # A browser sends it back in Last-Event-ID when it connects again.
        return b"event: next\nid: %b\ndata: %b\n\n" % (result.position.encode(), result)
    return b"event: next\ndata: %b\n\n" % result


_graphql_part, _plain_part = _part("graphql"), _part("-")
_GOING = encode({"payload": None, **refused_result(Unavailable("this server goes; resume on another one"))})

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
    # Some browsers tell of the connection when a first byte is there, and not before.
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
    interrupted=_graphql_part(_GOING) + b"--\r\n",
    needs={"subscriptionspec": "1.0"},
)
MULTIPART = ResponseFormat(
    "multipart/mixed",
    'multipart/mixed; boundary="-"',
    # Nothing in it is ignored by clients, and so it has no heartbeat.
    _plain_part,
    opening=b"---",
    complete=b"--\r\n",
)
ALL = (JSON, GRAPHQL, SSE, SUBSCRIPTION, MULTIPART)
"""In the order in which they are chosen where the client has no preference."""

MOST_RANGES = 50
"""Entries of an Accept header that are read; no client has so many."""

_UTF8 = frozenset({"utf8", "unicode11utf8", "ascii", "usascii"})
_NO_LABEL = re.compile(r"[^a-z0-9]")
_WEIGHT = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


@dataclass(frozen=True, slots=True)
class _Range:
    """An entry of an Accept header, all in lower case; `place` counts from the first."""

    type: str
    parameters: Mapping[str, str]
    weight: float
    place: int

    def match(self, media: ResponseFormat) -> int:
        """How closely it names the media; 0 where it does not."""
        if any(self.parameters.get(name) != value for name, value in media.needs.items()):
            return 0
        if not is_utf8(self.parameters.get("charset", "utf-8")):
            return 0
        family = media.type.partition("/")[0]
        return (self.type == "*/*") + 2 * (self.type == f"{family}/*") + 3 * (self.type == media.type)


def types(streams: bool = False) -> str:
    """All types for a client to read, or those that stream."""
    return ", ".join(dict.fromkeys(media.type for media in ALL if media.streams or not streams))


def read_parameters(header: str) -> tuple[str, dict[str, str]]:
    """A media type and its parameters, in lower case and without quotes."""
    named, *rest = (part.strip() for part in header.lower().split(";"))
    pairs = (part.partition("=") for part in rest)
    return named, {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def is_utf8(label: str) -> bool:
    """Whether the label of a character set means UTF-8, or ASCII, which is a part of it."""
    return _NO_LABEL.sub("", label.lower()) in _UTF8


@lru_cache(100)
def choose(accept: str | None, streams: bool) -> ResponseFormat | None:
    """What to answer in to a client with this Accept header: a subscription, which `streams`, or one result.

    One result is streamed only to a client that likes nothing better. None where nothing will do.
    """
    entries = (accept or "*/*").lower().split(",")[:MOST_RANGES]
    ranges = [_read(entry, place) for place, entry in enumerate(entries)]
    found: list[tuple[float, bool, int, ResponseFormat]] = []
    for media in ALL:
        closeness, _, best = max((entry.match(media), -entry.place, entry) for entry in ranges)
        if closeness and best.weight and (media.streams or not streams):
            found.append((-best.weight, media.streams, best.place, media))
    return min(found, key=lambda one: one[:3])[3] if found else None


def _read(entry: str, place: int) -> _Range:
    named, parameters = read_parameters(entry)
    weight = parameters.get("q", "1")
    return _Range(named, parameters, float(weight) if _WEIGHT.fullmatch(weight) else 1.0, place)
