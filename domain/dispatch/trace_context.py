"""W3C trace contexts: the span that a request comes from, as its header and packed for a commit. Pure."""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import NamedTuple

PACKED_BYTES = 25
"""Bytes of a packed trace context: 16 of the trace id, 8 of the span id, 1 of flags."""

_TRACEPARENT = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})"
    r"-(?P<trace>(?!0{32})[0-9a-f]{32})-(?P<span>(?!0{16})[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<rest>-.*)?"
)


class TraceContext(NamedTuple):
    """A span, by its id and that of its trace, in hexadecimal digits. Bit 0 of `flags`: it is recorded."""

    trace_id: str
    span_id: str
    flags: int

    @classmethod
    def parse(cls, traceparent: str) -> TraceContext | None:
        """Return the context in a header `traceparent`; None if it is malformed.

        As the specification asks, a header of a later version may have more fields behind the known ones.
        """
        match = _TRACEPARENT.fullmatch(traceparent)
        if match is None or (match["version"] == "00" and match["rest"]):
            return None
        return cls(match["trace"], match["span"], int(match["flags"], 16))

    @classmethod
    def unpack(cls, packed: bytes) -> TraceContext | None:
        """Return the context that `pack` has packed; None for other bytes."""
        trace, span = packed[:16], packed[16:24]
        if len(packed) != PACKED_BYTES or not any(trace) or not any(span):
            return None
        return cls(trace.hex(), span.hex(), packed[24])

    @property
    def traceparent(self) -> str:
        """The value of the header `traceparent`."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"

    def pack(self) -> bytes:
        """Return the context in `PACKED_BYTES` bytes, as commits store it."""
        return bytes.fromhex(self.trace_id + self.span_id) + bytes((self.flags,))


current_trace_context: ContextVar[TraceContext | None] = ContextVar("trace_context", default=None)
"""The trace context of the request or the effect that runs; None where it has none."""
