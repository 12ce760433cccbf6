"""The time that an execution may take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from domain.kernel.limit_errors import OperationTimedOut

T = TypeVar("T")


async def finish_within(seconds: float, outcome: Awaitable[T]) -> T:
    """Return the outcome; raises OperationTimedOut where it takes longer."""
    try:
        async with asyncio.timeout(seconds) as limit:
            return await outcome
    except TimeoutError:
        if not limit.expired():
            raise
        raise OperationTimedOut(seconds) from None
