"""The table a person reads, and `bench.json` for whoever compares runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from rich.console import Console
from rich.table import Table

from tests.bench.harness import ROUNDS, Benchmark, Contender, Contest, Goal

Result = tuple[Benchmark, Contest]


def write_json(results: list[Result], path: Path) -> None:
    """Medians of this run, in the order the benchmarks ran."""
    path.write_bytes(orjson.dumps([_entry(*result) for result in results], option=orjson.OPT_INDENT_2))


def _entry(benchmark: Benchmark, contest: Contest) -> dict[str, Any]:
    return {
        "name": benchmark.name,
        **_figures(contest.nerve),
        "unit": benchmark.unit,
        "runs": ROUNDS,
        "limit": _named(contest.limit),
        "closer_limits": [_named(limit) for limit in contest.closer_limits],
        "peers": [_named(peer) for peer in contest.peers],
        "goals": [goal._asdict() for goal in benchmark.goals],
    }


def _named(contender: Contender) -> dict[str, Any]:
    return {"name": contender.name, **_figures(contender)}


def _figures(contender: Contender) -> dict[str, Any]:
    figures: dict[str, Any] = {"value": _rounded(contender.median)}
    if (latency := contender.latency) is not None:
        figures["latency_ms"] = {"median": _rounded(latency.median), "p99": _rounded(latency.p99)}
    return figures


def _rounded(value: float) -> float:
    return round(value, 1 if value >= 100 else 3)


class TableRow(NamedTuple):
    """A contender of a benchmark, as the table shows it."""

    contender: Contender
    contest: Contest
    goal: Goal | None

    def name(self) -> str:
        if self.contender is self.contest.nerve:
            return f"[bold]nerve: {self.contender.name}[/]"
        role = "limit" if self.contender in self.contest.limits else "peer"
        return f"{role}: {self.contender.name}"

    def median(self) -> str:
        return _shown(self.contender.median)

    def spread(self) -> str:
        low, high = self.contender.spread
        return f"{_shown(low)} to {_shown(high)}"

    def ratio(self) -> str:
        return "" if self.contender is self.contest.nerve else f"{self._ratio:.2f}"

    def goal_for_ratio(self) -> str:
        """The goal, and whether the ratio meets it."""
        if self.goal is None:
            return ""
        return f"{self.goal.describe()}: {'met' if self.goal.is_met(self._ratio) else 'missed'}"

    def latency(self) -> str:
        """The median and the 99th percentile of requests."""
        latency = self.contender.latency
        return "" if latency is None else f"{_shown(latency.median)} / {_shown(latency.p99)}"

    def busy(self) -> str:
        return "" if self.contender.busy is None else f"{self.contender.busy:.0%}"

    @property
    def _ratio(self) -> float:
        return self.contest.nerve.median / self.contender.median


def print_table(benchmark: Benchmark, contest: Contest, console: Console) -> None:
    """Each contender's median, its spread, and nerve's ratio to it; goals and latencies if there are any."""
    rows = [TableRow(contender, contest, benchmark.goal(contender)) for contender in contest.contenders]
    columns: dict[str, Callable[[TableRow], str]] = {
        benchmark.unit: TableRow.median,
        "lowest to highest": TableRow.spread,
        "nerve's ratio": TableRow.ratio,
        "goal": TableRow.goal_for_ratio,
        "median / p99 in ms": TableRow.latency,
        "load busy": TableRow.busy,
    }
    filled = {title: cells for title, cell in columns.items() if any(cells := [cell(row) for row in rows])}
    table = Table("contender", title=f"{benchmark.name}: {benchmark.about}", title_justify="left")
    for title in filled:
        table.add_column(title, justify="right", no_wrap=True)
    for place, row in enumerate(rows):
        table.add_row(row.name(), *[cells[place] for cells in filled.values()])
    console.print(table)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
