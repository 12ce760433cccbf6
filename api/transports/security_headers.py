"""Headers that tell browsers what they must not do with a response."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    # Data is no page; pages have a policy of their own.
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}
_TLS = {b"strict-transport-security": b"max-age=31536000"}
_CREDENTIALS = frozenset({b"authorization", b"cookie", b"x-api-key"})
_NO_STORE = (b"cache-control", b"no-store")
_SCOPES = (b"public", b"private")


class SecurityHeaders:
    """Adds the headers that a response does not have.

    Responses to requests with credentials are stored in no cache, unless they say themselves for whom they
    are: for everybody, or for the client alone. With `tls`, browsers use TLS from then on.
    """

    def __init__(self, app: ASGIApp, *, tls: bool) -> None:
        self._app = app
        self._headers = {**_ALWAYS, **(_TLS if tls else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_private = not _CREDENTIALS.isdisjoint([name for name, _ in scope["headers"]])

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._complete(message, is_private=is_private)
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _complete(self, start: Message, *, is_private: bool) -> None:
        headers = list(start.get("headers", ()))
        names = {name for name, _ in headers}
        headers += [(name, value) for name, value in self._headers.items() if name not in names]
        has_scope = any(name == b"cache-control" and value.startswith(_SCOPES) for name, value in headers)
        if is_private and not has_scope:
            headers = [header for header in headers if header[0] != b"cache-control"]
            headers.append(_NO_STORE)
        start["headers"] = headers
