"""The peer of the benchmark of processes: DBOS on PostgreSQL, in a process of its own."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.bench.harness import Contender, Figure
from tests.bench.machine import on_subject_core
from tests.bench.postgres import postgres_programs, running_postgres

_PROGRAM = "tests.bench.countdown.dbos_countdowns"


@asynccontextmanager
async def dbos_peers(countdowns: int, steps: int, callers: int) -> AsyncIterator[tuple[Contender, ...]]:
    """Yield DBOS as a contender; none, with a line that says so, where PostgreSQL is missing."""
    programs = postgres_programs()
    if programs is None:
        print("DBOS is left out: PostgreSQL is not installed", file=sys.stderr)
        yield ()
        return
    with running_postgres(programs) as url:
        with on_subject_core():
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", _PROGRAM, url, *map(str, (countdowns, steps, callers)),
                stdin=PIPE, stdout=PIPE,
            )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        commands, results = process.stdin, process.stdout

        async def turn() -> Figure:
            commands.write(b"\n")
            return Figure(float(await results.readline()))

        try:
            yield (Contender(f"DBOS on PostgreSQL, {callers} callers", turn),)
        finally:
            commands.close()
            await process.wait()
