"""Ends the operation of an HTTP request whose client leaves before the response.

An ASGI application would have to wait for the message `http.disconnect` in a task beside each operation. The
connection itself knows at once, and costs a request nothing: see `api.transports.uvicorn_http`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from starlette.requests import ClientDisconnect

_ON_DISCONNECT = "nerve.on_disconnect"
"""The item of a request's scope that holds what is called when its client leaves."""


@contextmanager
def ended_on_disconnect(scope: MutableMapping[str, Any]) -> Iterator[None]:
    """Cancel the task within the block when the client leaves; raises ClientDisconnect then."""
    task = asyncio.current_task()
    assert task is not None
    has_left = False

    def leave() -> None:
        nonlocal has_left
        has_left = True
        task.cancel()

    scope[_ON_DISCONNECT] = leave
    try:
        yield
    except asyncio.CancelledError:
        # The process may stop at the same time.
        if not has_left or task.uncancel():
            raise
        raise ClientDisconnect from None
    finally:
        del scope[_ON_DISCONNECT]


def disconnect(scope: Any) -> None:
    """End the operation of the request with this scope, if one runs: its client has left."""
    leave: Callable[[], None] | None = scope.get(_ON_DISCONNECT)
    if leave is not None:
        leave()
