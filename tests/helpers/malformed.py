"""Malformed requests for each transport, made of right ones by random changes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any
from urllib.parse import quote

from websockets.frames import Frame, Opcode

from tests.helpers.raw_sockets import HANDSHAKE

DOCUMENTS = (
    "{ tasks(first: 2, filter: {title: {contains: $t}}) { totalCount nodes { id title } } }",
    "query ($id: ID!) { task(id: $id) { id } node(id: $id) { __typename ... on Task { title } } }",
    'mutation ($t: String!) { createTask(input: {title: $t}, commandId: "x") { receipt { stream } } }',
    'subscription { tasks(filter: {id: {in: ["a"]}}, after: "x") { __typename } }',
    "fragment f on Task { id } { tasks(orderBy: {field: TITLE}) { nodes { ...f @include(if: true) } } }",
    "{ __schema { types { name fields { name type { ofType { name } } } } } }",
)
TOKENS = (
    "{",
    "}",
    "(",
    ")",
    "...",
    "@",
    "$",
    '"""',
    '"',
    "\\u{0}",
    "on",
    "null",
    "1e999",
    "#",
    "\ufeff",
    "-",
    "&",
)
"""What is put between the tokens of a document."""

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**31, 2**63, 2**200, 1e308, float("nan"), "", "\0", "\ud800", "\u202e", "x" * 5_000,
    [], {}, [[[[[[]]]]]], {"$where": "1"}, {"$gt": ""}, {"__proto__": {}}, ["a", None], "{", "../../etc",
)  # fmt: skip
MEDIA = (
    "application/json", "application/json; charset=utf-16", "text/plain", "multipart/mixed;boundary", ";;;=",
    "application/graphql-response+json", "text/event-stream", "*/*;q=x", "", "a" * 3_000, "\xff\xfe",
)  # fmt: skip
HEADERS = (
    "Content-Length: -1", "Content-Length: 99999999999999999999", "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: chunked", "Content-Encoding: gzip", "Content-Encoding: br", "Expect: 100-continue",
    "Origin: null", "Host: [::1", "Upgrade: websocket", "Authorization: Bearer \xff", "X-API-Key: ",
    "traceparent: 00-0", "Last-Event-ID: \xe9", "X-GraphQL-Event-Stream-Token: x", "Cookie: =;=;",
    "X-Forwarded-For: ,,,", "Connection: upgrade", ": empty", "Sec-WebSocket-Version: 13",
)  # fmt: skip
SOCKET_TYPES = ("connection_init", "subscribe", "complete", "ping", "pong", "next", "start", "")


class Malformer:
    """Makes malformed requests; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def make(self, transport: str) -> bytes:
        """Return the bytes of one request, or of one session over a socket behind its handshake."""
        return TRANSPORTS[transport](self)

    def json_request(self, accept: str = "*/*") -> bytes:
        return self._post(self._body(), accept)

    def batch(self) -> bytes:
        parts = [self._body() for _ in range(self._random.randrange(4))]
        return self._post(b"[" + b",".join(parts) + self._random.choice([b"]", b"", b",]"]), "*/*")

    def url(self) -> bytes:
        parameters = {name: self._text(value) for name, value in self._operation().items()}
        pairs = [f"{quote(name)}={quote(value, errors='replace')}" for name, value in parameters.items()]
        path = f"/graphql?{self._random.choice(['&', ';', '&&']).join(pairs)}"
        method = self._random.choice(["GET", "HEAD", "DELETE", "PUT", "OPTIONS", "PATCH", "GET"])
        return self._head(method, path, "*/*") + b"\r\n"

    def stream(self) -> bytes:
        """Return a request for a stream of events, or for an operation in one."""
        if self._random.random() < 0.5:
            return self.json_request("text/event-stream")
        method = self._random.choice(["PUT", "GET", "DELETE"])
        return self._head(method, f"/graphql?token={self._random.random()}", "text/event-stream") + b"\r\n"

    def multipart(self) -> bytes:
        return self.json_request("multipart/mixed; subscriptionSpec=1.0")

    def raw(self) -> bytes:
        """Return a request whose bytes were changed, its head too."""
        data = bytearray(self.json_request())
        for _ in range(self._random.randint(1, 8)):
            self._change_bytes(data)
        return bytes(data)

    def session(self) -> bytes:
        """Return frames with messages, of which some are changed."""
        frames = [_frame(b'{"type":"connection_init"}')] if self._random.random() < 0.8 else []
        for number in range(self._random.randint(1, 6)):
            kind = self._random.choice(SOCKET_TYPES)
            message: Any = {"type": kind, "id": str(number), "payload": self._operation()}
            data = bytearray(self._dump(self._changed(message)))
            if self._random.random() < 0.2:
                self._change_bytes(data)
            opcode = self._random.choice([Opcode.TEXT] * 6 + [Opcode.BINARY, Opcode.CONT, Opcode.PING])
            is_control = opcode is Opcode.PING
            data = data[:125] if is_control else data
            fin = is_control or self._random.random() < 0.9
            frames.append(Frame(opcode, bytes(data), fin).serialize(mask=True))
        session = bytearray(b"".join(frames))
        if self._random.random() < 0.3:
            self._change_bytes(session)
        return bytes(session)

    def handshake(self) -> bytes:
        data = bytearray(HANDSHAKE.format(path="/graphql").encode())
        for _ in range(self._random.randint(1, 3)):
            self._change_bytes(data)
        return bytes(data)

    def _post(self, body: bytes, accept: str) -> bytes:
        length = len(body) + self._random.choice([0] * 9 + [-1])
        content_type = "application/json" if self._random.random() < 0.8 else self._random.choice(MEDIA)
        head = self._head("POST", "/graphql", accept)
        return (
            head
            + f"Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n".encode("latin-1")
            + body
        )

    def _head(self, method: str, path: str, accept: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Accept: {accept}", "Connection: close"]
        if self._random.random() < 0.3:
            lines.append(self._random.choice(HEADERS))
        return "".join(f"{line}\r\n" for line in lines).encode("latin-1", "replace")

    def _body(self) -> bytes:
        data = bytearray(self._dump(self._changed(self._operation())))
        if self._random.random() < 0.2:
            self._change_bytes(data)
        return bytes(data)

    def _operation(self) -> dict[str, Any]:
        return {
            "query": self._document(),
            "variables": {"id": self._random.choice(ODD), "t": self._random.choice(ODD)},
            "operationName": self._random.choice([None, "", "x"]),
            "extensions": self._random.choice([None, {}, {"persistedQuery": self._random.choice(ODD)}]),
        }

    def _document(self) -> str:
        tokens = re.findall(r"\w+|\S|\s", self._random.choice(DOCUMENTS))
        for _ in range(self._random.randint(0, 3)):
            place = self._random.randrange(len(tokens))
            change = self._random.randrange(4)
            if change == 0:
                del tokens[place]
            elif change == 1:
                tokens.insert(place, tokens[self._random.randrange(len(tokens))])
            elif change == 2:
                tokens[place] = self._random.choice(TOKENS)
            else:
                tokens[place:] = tokens[place:] * 2
        return "".join(tokens)

    def _changed(self, value: Any) -> Any:
        """Return the value, with an odd one in place of a part of it."""
        if not isinstance(value, dict) or not value or self._random.random() < 0.1:
            return self._random.choice(ODD) if self._random.random() < 0.5 else value
        name = self._random.choice(list(value))
        changed = {**value, name: self._changed(value[name])}
        if self._random.random() < 0.1:
            del changed[name]
        return changed

    def _dump(self, value: Any) -> bytes:
        text = json.dumps(value, ensure_ascii=self._random.random() < 0.5)
        return text.encode("utf-8", "surrogatepass")

    def _text(self, value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value)

    def _change_bytes(self, data: bytearray) -> None:
        if not data:
            return
        place = self._random.randrange(len(data))
        length = self._random.randint(1, 20)
        change = self._random.randrange(4)
        if change == 0:
            data[place] = self._random.randrange(256)
        elif change == 1:
            del data[place : place + length]
        elif change == 2:
            data[place:place] = self._random.randbytes(length)
        else:
            data[place:place] = data[place : place + length]


def _frame(data: bytes) -> bytes:
    return Frame(Opcode.TEXT, data).serialize(mask=True)


TRANSPORTS: Mapping[str, Callable[[Malformer], bytes]] = {
    "json": Malformer.json_request,
    "url": Malformer.url,
    "batch": Malformer.batch,
    "event stream": Malformer.stream,
    "multipart": Malformer.multipart,
    "bytes": Malformer.raw,
    "handshake": Malformer.handshake,
    "socket": Malformer.session,
}
