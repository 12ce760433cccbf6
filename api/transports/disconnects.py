"""Ends the operation of an HTTP request whose client leaves before the response.

An ASGI application would have to wait for the message `http.disconnect` in a task beside each operation. The
connection itself knows at once, and costs a request nothing: see `api.transports.uvicorn_http`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from types import TracebackType
from typing import Any

from starlette.requests import ClientDisconnect

_ON_DISCONNECT = "nerve.on_disconnect"
"""The item of a request's scope that holds what is called when its client leaves."""


class DisconnectGuard:
    """A block of statements that is cancelled when the client leaves; it raises ClientDisconnect then."""

    __slots__ = ("_has_left", "_scope", "_task")

    def __init__(self, scope: MutableMapping[str, Any]) -> None:
        self._scope = scope
        self._has_left = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._scope[_ON_DISCONNECT] = self._leave

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        del self._scope[_ON_DISCONNECT]
        # The process may stop at the same time.
        if isinstance(error, asyncio.CancelledError) and self._has_left and not self._task.uncancel():
            raise ClientDisconnect from None

    def _leave(self) -> None:
        self._has_left = True
        self._task.cancel()


def disconnect(scope: Any) -> None:
    """End the operation of the request with this scope, if one runs: its client has left."""
    leave: Callable[[], None] | None = scope.get(_ON_DISCONNECT)
    if leave is not None:
        leave()
