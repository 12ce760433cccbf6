"""The same countdowns in DBOS: a workflow of steps, each one durable write in PostgreSQL.

``python -m tests.bench.countdown.dbos_countdowns URL COUNTDOWNS STEPS CALLERS`` runs all countdowns for each
line that it reads, and writes the steps a second.
"""

from __future__ import annotations

import asyncio
import sys
import time

from dbos import DBOS


@DBOS.step()
async def count_down(left: int) -> int:
    """Count one down."""
    return left - 1


@DBOS.workflow()
async def countdown(left: int) -> None:
    """Count down to zero, one step after the other."""
    while left:
        left = await count_down(left)


async def run(countdowns: int, steps: int, callers: int) -> float:
    """Run so many countdowns, `callers` at a time, and return the steps a second."""
    waiting = iter(range(countdowns))

    async def call() -> None:
        for _ in waiting:
            await countdown(steps)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(call())
    return countdowns * steps / (time.perf_counter() - started)


async def main(countdowns: int, steps: int, callers: int) -> None:
    DBOS.launch()
    for _ in iter(sys.stdin.readline, ""):
        print(await run(countdowns, steps, callers), flush=True)


if __name__ == "__main__":
    url, *numbers = sys.argv[1:]
    DBOS(config={"name": "countdowns", "system_database_url": url, "log_level": "ERROR"})
    asyncio.run(main(*map(int, numbers)))
    DBOS.destroy()
