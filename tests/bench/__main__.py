"""``python -m tests.bench``: runs the benchmarks.

``ONLY=name`` chooses one, or all whose names begin so; it takes several names with commas between them.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import uvloop
from rich.console import Console

from tests.bench import (
    aggregates,
    append,
    commands,
    imports,
    live_queries,
    otlp,
    poison,
    processes,
    queries,
    readyourwrite,
    secured,
    views,
)
from tests.bench.fanout import contests
from tests.bench.harness import ROUNDS, Benchmark, run
from tests.bench.machine import Machine
from tests.bench.report import Result, print_table, write_json

BENCHMARKS: tuple[Benchmark, ...] = (
    *queries.BENCHMARKS,
    *secured.BENCHMARKS,
    *append.BENCHMARKS,
    *commands.BENCHMARKS,
    *imports.BENCHMARKS,
    *otlp.BENCHMARKS,
    *aggregates.BENCHMARKS,
    *readyourwrite.BENCHMARKS,
    *poison.BENCHMARKS,
    *views.BENCHMARKS,
    *processes.BENCHMARKS,
    *contests.BENCHMARKS,
    *live_queries.BENCHMARKS,
)

OUTPUT = Path("bench.json")
SCRATCH = Path(".nerve")

WIDTH = 160
"""Characters of a line where the output goes into a file."""


def choose(wanted: str) -> list[Benchmark]:
    """Return the benchmark of this name, or else all whose names begin so; exits if there are none."""
    chosen = [benchmark for benchmark in BENCHMARKS if benchmark.name == wanted] or [
        benchmark for benchmark in BENCHMARKS if benchmark.name.startswith(wanted)
    ]
    if not chosen:
        sys.exit(f"no benchmark starts with {wanted!r}; there are {', '.join(b.name for b in BENCHMARKS)}")
    return chosen


def main() -> None:
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    chosen = [
        benchmark for wanted in os.environ.get("ONLY", "").split(",") for benchmark in choose(wanted.strip())
    ]
    results: list[Result] = []
    # Not among the system's temporary files, which may be in memory, where a journal costs nothing.
    SCRATCH.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=SCRATCH) as folder,
        Machine(Path(folder)).running() as machine,
    ):
        for benchmark in chosen:
            with console.status(benchmark.name):
                contest = uvloop.run(run(benchmark, machine))
            print_table(benchmark, contest, console)
            results.append((benchmark, contest))
    write_json(results, OUTPUT)
    console.print(f"{OUTPUT} holds these medians of {ROUNDS} rounds; only ratios within one run count")


if __name__ == "__main__":
    main()
