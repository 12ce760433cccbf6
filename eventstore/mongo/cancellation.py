"""pymongo's asyncio client on Python 3.11, made to heed every cancellation."""

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
    """A client, database, collection or cursor of pymongo, and all that its calls give.

    pymongo sends with `asyncio.wait_for`, which may drop a cancellation until Python 3.12
    (python/cpython#86296): the call goes on, and whoever cancelled waits for ever. Here it is raised when the
    call has ended.
    """

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return partial(self._call, found) if callable(found) else found

    def __getitem__(self, name: str) -> CancellationSafe:
        return CancellationSafe(self._inner[name])

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return await _heed(self._inner.__anext__())

    def _call(self, method: Callable[..., Any], *args: Any, **options: Any) -> Any:
        result = method(*args, **options)
        if iscoroutine(result):
            return _heed(result)
        return (
            CancellationSafe(result)
            if isinstance(result, AsyncCursor | AsyncCollection | AsyncDatabase)
            else result
        )


async def _heed(call: Coroutine[Any, Any, T]) -> T:
    task = asyncio.current_task()
    assert task is not None
    if task.cancelling():
        await _raise_what_is_due(call)
    before = task.cancelling()
    try:
        return await call
    finally:
        if task.cancelling() > before:
            raise asyncio.CancelledError


async def _raise_what_is_due(call: Coroutine[Any, Any, Any]) -> None:
    """A cancellation of the task while it ran, as by Ctrl-C, is raised where it next waits: here.

    One that was raised before, and after which the task cleans up, is not raised again.
    """
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        call.close()
        raise
