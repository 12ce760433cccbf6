"""The report of the benchmarks: ratios beside their goals, and the latency of requests beside each median."""

from __future__ import annotations

import re
from contextlib import nullcontext
from io import StringIO
from pathlib import Path

import orjson
from rich.console import Console

from tests.bench.harness import Benchmark, Contender, Contest, Figure, Goal, Latency
from tests.bench.report import print_table, write_json

MILLISECONDS = [number / 1_000 for number in range(1, 101)]


async def _unused() -> Figure:
    raise NotImplementedError


def _contender(name: str, *values: float) -> Contender:
    return Contender(name, _unused, [Figure(value, 0.5, Latency.of(MILLISECONDS)) for value in values])


CONTEST = Contest(
    _contender("nerve", 300, 100, 200),
    _contender("limit", 400),
    (_contender("peer", 50), _contender("other", 50)),
    (_contender("closer", 250),),
)
BENCHMARK = Benchmark(
    "http.example",
    "requests/s",
    "an example",
    lambda _machine: nullcontext(CONTEST),
    (Goal("peer", 5), Goal("closer", 1, at_most=True)),
)


def _table(contest: Contest) -> dict[str, list[str]]:
    """Return the cells of the table that is printed, by the contender."""
    output = StringIO()
    print_table(BENCHMARK, contest, Console(file=output, width=200))
    rows = [
        re.split("[│┃]", line)[1:-1] for line in output.getvalue().splitlines() if re.search("[│┃]", line)
    ]
    return {name.strip(): [cell.strip() for cell in cells] for name, *cells in rows}


def test_the_table_shows_ratios_with_their_goals() -> None:
    """A goal is met or missed; a contender without one has none."""
    rows = _table(CONTEST)
    assert rows["contender"][2:4] == ["nerve's ratio", "goal"]
    assert rows["peer: peer"][2:4] == ["4.00", "at least 5: missed"]
    assert rows["limit: closer"][2:4] == ["0.80", "at most 1: met"]
    assert rows["peer: other"][2:4] == ["4.00", ""]


def test_the_table_shows_the_99th_percentile_beside_each_median() -> None:
    """For contenders whose requests were timed."""
    title, *cells = [cells[4] for cells in _table(CONTEST).values()]
    assert title == "median / p99 in ms"
    assert set(cells) == {"50.50 / 99.01"}
    untimed = Contest(Contender("nerve", _unused, [Figure(1)]), Contender("limit", _unused, [Figure(1)]))
    assert title not in _table(untimed)["contender"]


def test_the_file_has_the_medians_latencies_and_goals(tmp_path: Path) -> None:
    """Of all contenders."""
    write_json([(BENCHMARK, CONTEST)], tmp_path / "bench.json")
    [entry] = orjson.loads((tmp_path / "bench.json").read_bytes())
    latency = {"median": 50.5, "p99": 99.01}
    assert entry["value"] == 200
    assert entry["latency_ms"] == latency
    assert entry["closer_limits"] == [{"name": "closer", "value": 250, "latency_ms": latency}]
    assert entry["goals"][0] == {"contender": "peer", "ratio": 5, "at_most": False}
