"""Responses that go on, as a client reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson

from tests.helpers.served_api import Served

SSE = "text/event-stream"
APOLLO = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"
BEAT = ("", None)
"""What is read of a server-sent comment."""


@contextmanager
def streaming(served: Served, accept: str, query: str, /, **variables: Any) -> Iterator[httpx.Response]:
    """A response to this operation whose body is still to be read."""
    body = {"query": query, "variables": variables}
    with served.http.stream("POST", "/graphql", json=body, headers={"accept": accept}) as response:
        yield response


def events(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    """Server-sent events: their names and what they say."""
    for text in _split(response, b"\n\n"):
        fields = dict(line.split(b":", 1) for line in text.split(b"\n"))
        data = fields.get(b"data", b"").strip()
        yield fields.get(b"event", b"").strip().decode(), orjson.loads(data) if data else None


def results(response: httpx.Response) -> Iterator[Any]:
    """The data of server-sent results without errors."""
    for name, said in events(response):
        if name == "next":
            assert "errors" not in said, said
            [data] = said["data"].values()
            yield data


def parts(response: httpx.Response) -> Iterator[Any]:
    """What the parts of a multipart body say, up to its end."""
    boundary = response.headers["content-type"].partition('boundary="')[2].partition('"')[0]
    delimiter = f"\r\n--{boundary}".encode()
    for text in _split(response, delimiter):
        head, _, body = text.partition(b"\r\n\r\n")
        assert b"application/json" in head, text
        yield orjson.loads(body)


def _split(response: httpx.Response, delimiter: bytes) -> Iterator[bytes]:
    rest = b""
    for bytes_read in response.iter_bytes():
        *whole, rest = (rest + bytes_read).split(delimiter)
        yield from whole
    assert rest in (b"", b"--\r\n"), rest
