"""Responses to operations that ran: a status and a body, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import Receive, Scope, Send

SEND_WHOLE = "nerve.send_whole"
"""The item of a request's scope that sends a response with status 200, if the connection can: `SendWhole`."""

GUARD_LINES = "nerve.guard_lines"
"""The item of a request's scope with the lines of the headers that guards add to each response."""

ON_HEAD = "nerve.on_head"
"""The item of a request's scope that is called with the headers of its response, if there is one."""

SendWhole = Callable[[bytes, bytes], bool]
"""Takes the lines of headers, and the body. Returns whether they were sent."""


class BodyResponse:
    """A successful response with a body, as an ASGI application.

    It writes its two headers as they are sent; Starlette's response also makes what it lets others change.
    Where it can, it does not pass the messages of ASGI through the guards, which takes longer than to encode
    a mutation's result.
    """

    __slots__ = ("_body", "_content_type")

    def __init__(self, body: bytes, content_type: str) -> None:
        self._body = body
        self._content_type = content_type

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the response."""
        length, content_type = b"%d" % len(self._body), self._content_type.encode("latin-1")
        send_whole: SendWhole | None = scope.get(SEND_WHOLE)
        if send_whole is not None and ON_HEAD not in scope:
            lines = b"content-length: %b\r\ncontent-type: %b\r\n%b" % (
                length,
                content_type,
                scope[GUARD_LINES],
            )
            if send_whole(lines, self._body):
                return
        headers = [(b"content-length", length), (b"content-type", content_type)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._body})
