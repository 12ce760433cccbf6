"""What a client of graphql-transport-ws may put on the wire, right and wrong, and what it must get for it.

The codes are those of RFC 6455 and of https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

EVENTS = {"query": "subscription { events { __typename } }"}


@dataclass
class Session:
    """The socket as the protocol has it: what was said so far decides what is right."""

    initialised: bool = False
    running: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Step:
    """Bytes, what they are, and whether whoever parses frames must refuse them already."""

    name: str
    data: bytes
    code: int | None = None
    below: bool = False
    id: str = ""

    @property
    def closes(self) -> bool:
        """Whether the client may say nothing after it."""
        return self.name == "close"

    def __repr__(self) -> str:
        return f"{self.name} {self.id}".strip()

    def judge(self, session: Session) -> int | None:
        """The code that the socket is closed with because of this step; None: it stays open."""
        match self.name:
            case "init" if session.initialised:
                return 4429
            case "init":
                session.initialised = True
            case "subscribe" | "query" | "refused" if not session.initialised:
                return 4401
            case "subscribe":
                if self.id in session.running:
                    return 4409
                session.running.add(self.id)
            case "query" | "refused" if self.id in session.running:
                return 4409
            case "complete":
                session.running.discard(self.id)
        return self.code


def frame(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    """A frame as a client sends it."""
    return Frame(opcode, data, fin).serialize(mask=True)


@st.composite
def _message(draw: st.DrawFn, data: bytes) -> bytes:
    """A text message in one frame or several, with control frames between them."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=3)))
    parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    wire = b""
    for number, part in enumerate(parts):
        opcode = Opcode.CONT if number else Opcode.TEXT
        wire += frame(opcode, part, fin=number == len(parts) - 1)
        if draw(st.booleans()):
            wire += frame(draw(st.sampled_from([Opcode.PING, Opcode.PONG])), b"between")
    return wire


def _said(name: str, message: object, code: int | None = None, id: str = "") -> st.SearchStrategy[Step]:
    data = message if isinstance(message, bytes) else orjson.dumps(message)
    return _message(data).map(lambda wire: Step(name, wire, code, id=id))


def _subscribe(name: str, id: str, payload: object) -> st.SearchStrategy[Step]:
    return _said(name, {"type": "subscribe", "id": id, "payload": payload}, id=id)


QUERY: dict[str, object] = {"query": "{ __typename }", "variables": None, "extensions": {}}
REFUSED: Sequence[dict[str, object]] = (
    {},
    {"query": 5},
    {"query": "{"},
    {"query": "{ " * 2_000},
    {"query": "{ nope }"},
)
IDS = ("1", "2", "\N{SNOWMAN}" * 200)
VALID = [
    _said("init", {"type": "connection_init"}),
    _said("init", {"type": "connection_init", "payload": {"Traceparent": "00-nonsense", "other": 5}}),
    _said("ping", {"type": "ping"}),
    _said("ping", {"type": "ping", "payload": {"a": [1, None, "\N{SNOWMAN}"]}, "more": 1}),
    _said("pong", {"type": "pong"}),
    *(_subscribe("subscribe", name, EVENTS) for name in IDS),
    # Each has an id of its own: when it ends is not the client's to know.
    st.uuids().flatmap(lambda drawn: _subscribe("query", str(drawn), QUERY)),
    st.tuples(st.uuids(), st.sampled_from(REFUSED)).flatmap(
        lambda drawn: _subscribe("refused", str(drawn[0]), drawn[1])
    ),
    *(_said("complete", {"type": "complete", "id": name}, id=name) for name in (*IDS, "never")),
]
NO_MESSAGES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"connection_init"',
    b"[" * 2_000,
    b'{"type": null}',
    b'{"type": "next"}',
    b'{"type": "start"}',
    b'{"type": "connection_init", "payload": []}',
    b'{"type": "ping", "payload": ' + b"[" * 400 + b"]" * 400 + b"}",
    b'{"type": "subscribe", "id": "1"}',
    b'{"type": "subscribe", "id": "1", "payload": "{ __typename }"}',
    b'{"type": "complete"}',
    b'{"type": "complete", "id": 1}',
]
INVALID = [
    *(_said("bad message", data, 4400) for data in NO_MESSAGES),
    _said("no UTF-8", b'{"type": "\xff"}', 1007),
]
BELOW = [
    Step("binary", frame(Opcode.BINARY, b'{"type": "ping"}'), 4400),
    Step("too large", frame(Opcode.TEXT, b'"' + b"x" * 100_000 + b'"'), 1009, below=True),
    Step(
        "too large in parts",
        frame(Opcode.TEXT, b"x" * 90_000, fin=False) + frame(Opcode.CONT, b"x" * 90_000),
        1009,
        below=True,
    ),
    Step("unmasked", Frame(Opcode.TEXT, b'{"type":"ping"}').serialize(mask=False), 1002, below=True),
    Step("reserved bit", b"\xc1\x80\0\0\0\0", 1002, below=True),
    Step("unknown opcode", b"\x83\x80\0\0\0\0", 1002, below=True),
    Step("unknown control", b"\x8b\x80\0\0\0\0", 1002, below=True),
    Step("continuation of nothing", frame(Opcode.CONT, b"{}"), 1002, below=True),
    Step(
        "text within text", frame(Opcode.TEXT, b"{", fin=False) + frame(Opcode.TEXT, b"}"), 1002, below=True
    ),
    Step("long ping", b"\x89\xfe\x00\x7e\0\0\0\0" + b"x" * 126, 1002, below=True),
    Step("ping in parts", b"\x09\x80\0\0\0\0", 1002, below=True),
    Step("close without a code", frame(Opcode.CLOSE, b"x"), 1002, below=True),
    Step("close with no such code", frame(Opcode.CLOSE, b"\x00\x01"), 1002, below=True),
    Step("close with a reason that is none", frame(Opcode.CLOSE, b"\x03\xe8\xff"), 1007, below=True),
    Step("close", frame(Opcode.CLOSE, b"\x03\xe8bye"), 1000, below=True),
    Step("close", frame(Opcode.CLOSE, b"\x0f\xa0"), 4000, below=True),
]

_kinds = [st.one_of(VALID)] * 8 + [st.one_of(INVALID), st.sampled_from(BELOW)]
steps = st.sampled_from(_kinds).flatmap(lambda kind: kind)
"""Any one; most of them are right."""

begun = st.lists(steps, max_size=12).flatmap(
    lambda rest: st.just(rest) | VALID[0].map(lambda init: [init, *rest])
)
"""A session; half of them begin as they should."""


def allowed(steps: Sequence[Step]) -> tuple[Sequence[Step], set[int]]:
    """The steps up to the client's own close, and the codes that the socket may be closed with.

    Frames are parsed before messages are read: of what arrives together the first fault of a frame may be
    met before an earlier one of a message.
    """
    ends = [number for number, step in enumerate(steps) if step.closes]
    taken = steps[: ends[0] + 1] if ends else steps
    session = Session()
    for number, step in enumerate(taken):
        if code := step.judge(session):
            later = [other.code for other in taken[number + 1 :] if other.below and other.code]
            return taken, {code, *(later[:1] if not step.below else [])}
    return taken, set()
