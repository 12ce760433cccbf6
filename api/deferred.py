"""Results that have to be waited for, and may be dropped instead."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Deferred(Generic[T]):
    """An awaitable that runs the coroutine of `function`, which is called when it is awaited.

    A coroutine that exists has to be awaited, also when its client has left: a task that is cancelled before
    its first step awaits nothing.
    """

    __slots__ = ("_function",)

    def __init__(
        self, function: Callable[P, Coroutine[Any, Any, T]], *arguments: P.args, **named: P.kwargs
    ) -> None:
        self._function = partial(function, *arguments, **named)

    def __await__(self) -> Generator[Any, Any, T]:
        return self._function().__await__()
