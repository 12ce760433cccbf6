"""The header `traceparent` is read as the W3C specifies it, and packed into 25 bytes for a commit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.dispatch.trace_context import PACKED_BYTES, TraceContext

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("header", "flags"),
    [
        (f"00-{TRACE}-{SPAN}-01", 1),
        (f"00-{TRACE}-{SPAN}-00", 0),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", 1),
        (f"01-{TRACE}-{SPAN}-03", 3),
    ],
)
def test_a_traceparent_is_parsed(header: str, flags: int) -> None:
    """A later version may have more fields."""
    assert TraceContext.parse(header) == TraceContext(TRACE, SPAN, flags)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00-0",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-more",
        f"01-{TRACE}-{SPAN}-01.more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE[:-1]}-{SPAN}-01",
    ],
)
def test_a_malformed_traceparent_is_ignored(header: str) -> None:
    """The request is served as one without the header."""
    assert TraceContext.parse(header) is None


@given(st.text(max_size=80))
def test_any_text_is_a_context_or_ignored(header: str) -> None:
    """No text makes parsing fail."""
    context = TraceContext.parse(header)
    assert context is None or context.trace_id in header


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 255))
def test_a_packed_context_is_unpacked_as_it_was(trace: int, span: int, flags: int) -> None:
    """A commit stores it in few bytes."""
    context = TraceContext(f"{trace:032x}", f"{span:016x}", flags)
    assert len(context.pack()) == PACKED_BYTES
    assert TraceContext.unpack(context.pack()) == context
    assert TraceContext.parse(context.traceparent) == context


@pytest.mark.parametrize("packed", [b"", b"x" * 24, b"x" * 26, bytes(25), bytes(16) + b"x" * 9])
def test_other_bytes_are_no_context(packed: bytes) -> None:
    """A stored value that is none does not fail the work on its commit."""
    assert TraceContext.unpack(packed) is None
