"""A bounded cache that evicts the least recently used value."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LruCache(Generic[K, V]):
    """Caches values by key, up to a total weight of `size`: each value weighs 1, or what `weigh` returns."""

    def __init__(self, size: int, weigh: Callable[[V], int] = lambda _: 1) -> None:
        self._size = size
        self._weigh = weigh
        self._weight = 0
        self._values: OrderedDict[K, V] = OrderedDict()

    @property
    def entries(self) -> int:
        """The number of values."""
        return len(self._values)

    @property
    def weight(self) -> int:
        """The weight of all values together."""
        return self._weight

    def get(self, key: K) -> V | None:
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> bool:
        """Cache the value; return False where another value, or this one, was evicted for it."""
        self.forget(key)
        self._weight += self._weigh(value)
        self._values[key] = value
        fits = self._weight <= self._size
        while self._weight > self._size:
            self._weight -= self._weigh(self._values.popitem(last=False)[1])
        return fits

    def forget(self, key: K) -> None:
        old = self._values.pop(key, None)
        if old is not None:
            self._weight -= self._weigh(old)
