"""Headers that tell browsers what they must not do with a response."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.transports.body_responses import GUARD_LINES, ON_HEAD

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
        self._items = tuple(self._headers.items())
        lines = b"".join(b"%b: %b\r\n" % item for item in self._items)
        self._lines = (lines, lines + b"%b: %b\r\n" % _NO_STORE)
        """The lines of the headers that a response without others gets, and those of a private one."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_private = not _CREDENTIALS.isdisjoint([name for name, _ in scope["headers"]])
        scope[GUARD_LINES] = self._lines[is_private]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._complete(message, is_private=is_private)
                if (on_head := scope.get(ON_HEAD)) is not None:
                    on_head(message["headers"])
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _complete(self, start: Message, *, is_private: bool) -> None:
        headers = list(start.get("headers", ()))
        names = {name for name, _ in headers}
        if names.isdisjoint(self._headers):
            headers += self._items
        else:
            headers += [item for item in self._items if item[0] not in names]
        if is_private and not _has_scope(headers):
            headers = [header for header in headers if header[0] != b"cache-control"]
            headers.append(_NO_STORE)
        start["headers"] = headers


def _has_scope(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether the headers say for whom a cache may store the response."""
    return any(name == b"cache-control" and value.startswith(_SCOPES) for name, value in headers)
