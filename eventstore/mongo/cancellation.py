"""pymongo's asyncio client on Python 3.11, made to raise every cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from inspect import iscoroutine
from typing import Any, Self, TypeVar

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.asynchronous.database import AsyncDatabase

T = TypeVar("T")


class CancellationSafe:
    """A client, database, collection or cursor of pymongo; the results of its calls are wrapped too.

    pymongo sends with `asyncio.wait_for`, which may drop a cancellation until Python 3.12
    (python/cpython#86296): the call goes on, and the task that cancelled it waits for ever. This wrapper
    raises the cancellation when the call has ended.
    """

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        return partial(self._call, attribute) if callable(attribute) else attribute

    def __getitem__(self, name: str) -> CancellationSafe:
        return CancellationSafe(self._inner[name])

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return await _raise_cancellation(self._inner.__anext__())

    def _call(self, method: Callable[..., Any], *args: Any, **options: Any) -> Any:
        result = method(*args, **options)
        if iscoroutine(result):
            return _raise_cancellation(result)
        is_driver_object = isinstance(result, AsyncCursor | AsyncCollection | AsyncDatabase)
        return CancellationSafe(result) if is_driver_object else result


async def _raise_cancellation(call: Coroutine[Any, Any, T]) -> T:
    """Await the call; raise a cancellation of this task that came before or during it."""
    task = asyncio.current_task()
    assert task is not None
    if task.cancelling():
        await _raise_pending_cancellation(call)
    before = task.cancelling()
    try:
        return await call
    finally:
        if task.cancelling() > before:
            raise asyncio.CancelledError


async def _raise_pending_cancellation(call: Coroutine[Any, Any, Any]) -> None:
    """Raise a cancellation that came while the task ran, as Ctrl-C does: asyncio raises it at the next wait.

    A cancellation that was raised before, and after which the task cleans up, is not raised again.
    """
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        call.close()
        raise
