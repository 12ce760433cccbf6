"""Responses to operations that ran: a status and a body, and nothing else."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send


class BodyResponse:
    """A successful response with a body, as an ASGI application.

    It writes its two headers as they are sent; Starlette's response also makes what it lets others change.
    """

    __slots__ = ("_body", "_content_type")

    def __init__(self, body: bytes, content_type: str) -> None:
        self._body = body
        self._content_type = content_type

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the response."""
        headers = [
            (b"content-length", b"%d" % len(self._body)),
            (b"content-type", self._content_type.encode("latin-1")),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._body})
