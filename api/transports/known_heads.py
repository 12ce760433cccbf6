"""Heads of requests that are known byte by byte, so that only their bodies have to be read.

A client sends the same line and headers with each of its requests; only the length of the body may differ.
Once the guards have let such a request pass, only its client has to be authenticated the next time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from starlette.types import Scope

from eventstore.lru import LruCache

END = b"\r\n\r\n"
"""What a head ends with."""

KEPT_HEADS = 2_000
"""Heads that are kept: some megabytes."""

MAX_HEAD = 4_096
"""Bytes of a head that is kept."""

LEARN_HEAD = "nerve.learn_head"
"""The item of a request's scope that is called with its headers when it has passed the guards."""

LearnHead = Callable[[Mapping[str, str]], None]

_CONSTANT = (
    *("type", "asgi", "http_version", "scheme", "root_path", "headers"),
    *("method", "path", "raw_path", "query_string"),
)
"""The items of a scope that depend on the head alone, and on the server."""


class KnownHead(NamedTuple):
    """The constant items of a request's scope, its headers under lower-case names, and its body's length."""

    scope: Mapping[str, Any]
    headers: Mapping[str, str]
    length: int


class KnownHeads:
    """The heads of the requests that have passed the guards last."""

    def __init__(self) -> None:
        self._heads: LruCache[bytes, KnownHead] = LruCache(KEPT_HEADS)

    def find(self, data: bytes) -> tuple[KnownHead, bytes] | None:
        """Return the known head and the body of a request that consists of these bytes."""
        end = data.find(END) + len(END)
        head = self._heads.get(data[:end])
        if head is None or len(data) - end != head.length:
            return None
        return head, data[end:]

    def learn(self, data: bytes, scope: Scope, headers: Mapping[str, str]) -> None:
        """Keep the head of a request that consists of these bytes, if its body has a declared length."""
        end = data.find(END) + len(END)
        if end <= MAX_HEAD and headers.get("content-length") == str(len(data) - end):
            constant = {name: scope[name] for name in _CONSTANT}
            self._heads.put(data[:end], KnownHead(constant, headers, len(data) - end))
