"""An outside port of the tests' own, which does what a test wants."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from domain.kernel.fields import Json
from domain.process import Request
from subscriptions.processes.ports import PortUnavailable


class Oracle:
    """Answers each question with its key, while it is `open`; `calls` counts the attempts by key.

    The next `failures` attempts fail first, and ask for a pause of `retry_after` seconds; an answer takes
    `pause` seconds. `highest` is the highest number of calls at a time.
    """

    def __init__(self, failures: int = 0, pause: float = 0.0, retry_after: float | None = None) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.failures = failures
        self._pause = pause
        self._retry_after = retry_after
        self.calls: Counter[str] = Counter()
        self.highest = 0
        self._running = 0

    async def call(self, key: str, request: Request[Any]) -> Json:
        self.calls[key] += 1
        if self.failures:
            self.failures -= 1
            raise PortUnavailable("the oracle sleeps", self._retry_after)
        self._running += 1
        self.highest = max(self.highest, self._running)
        try:
            await self.open.wait()
            await asyncio.sleep(self._pause)
        finally:
            self._running -= 1
        return {"text": key}
