"""The table a person reads, and `bench.json` for whoever compares runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from tests.bench.harness import ROUNDS, Benchmark, Contender, Contest

Result = tuple[Benchmark, Contest]


def write_json(results: list[Result], path: Path) -> None:
    """Medians of this run, in the order the benchmarks ran."""
    path.write_bytes(orjson.dumps([_entry(*result) for result in results], option=orjson.OPT_INDENT_2))


def _entry(benchmark: Benchmark, contest: Contest) -> dict[str, Any]:
    return {
        "name": benchmark.name,
        "value": _rounded(contest.nerve.median),
        "unit": benchmark.unit,
        "runs": ROUNDS,
        "limit": _named(contest.limit),
        "peers": [_named(peer) for peer in contest.peers],
    }


def _named(contender: Contender) -> dict[str, Any]:
    return {"name": contender.name, "value": _rounded(contender.median)}


def _rounded(value: float) -> float:
    return round(value, 1 if value >= 100 else 3)


def print_table(benchmark: Benchmark, contest: Contest, console: Console) -> None:
    """Each contender's median, its spread, and nerve's ratio to it."""
    table = Table("contender", title=f"{benchmark.name}: {benchmark.about}", title_justify="left")
    for column in (benchmark.unit, "lowest to highest", "nerve's ratio", "load busy"):
        table.add_column(column, justify="right", no_wrap=True)
    for contender in contest.contenders:
        table.add_row(*_row(contest, contender))
    console.print(table)


def _row(contest: Contest, contender: Contender) -> tuple[str, ...]:
    low, high = (_shown(value) for value in contender.spread)
    ratio = f"{contest.nerve.median / contender.median:.2f}"
    busy = "" if contender.busy is None else f"{contender.busy:.0%}"
    if contender is contest.nerve:
        name, ratio = f"[bold]nerve: {contender.name}[/]", ""
    else:
        role = "limit" if contender is contest.limit else "peer"
        name = f"{role}: {contender.name}"
    return name, _shown(contender.median), f"{low} to {high}", ratio, busy


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
