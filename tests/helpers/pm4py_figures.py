"""Figures of process logs as pm4py computes them, which is the reference of process mining in Python.

Importing pm4py as a whole takes 500 MB of packages. The modules that are used here need nothing but lxml, so
they are imported without the packages' own `__init__`, which import everything.
"""

from __future__ import annotations

import csv
import io
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

NAME, TIME, TRANSITION, RESOURCE = "concept:name", "time:timestamp", "lifecycle:transition", "org:resource"
CASE = "case:concept:name"
START = "start"
"""Names the event that is put before each case, so that its first step has a duration too."""

_CONVERTER = "pm4py.objects.conversion.log.converter"
"""Converts data frames. The logs here are none, and it returns those as they are."""


class DoneTask(NamedTuple):
    """A completed activity; `seconds` is None without a start. `resource` started it, else completed it."""

    name: str
    seconds: float | None
    resource: str | None


@dataclass(frozen=True)
class CaseFigures:
    """The figures of a case: when its first event was, its seconds, and its completed activities in order."""

    begin: datetime
    seconds: float
    steps: Sequence[str]
    tasks: Sequence[DoneTask]


class Pm4py:
    """The log in a file, and what pm4py computes of it."""

    def __init__(self, path: Path, encoding: str) -> None:
        log = (_read_xes if path.suffix == ".xes" else _read_csv)(path, encoding)
        sort = _module("objects.log.util.sorting").sort_timestamp_trace
        self._traces = [sort(trace, TIME) for trace in log]

    def cases(self) -> Mapping[str, CaseFigures]:
        """Return the figures of each case by its name."""
        return {trace.attributes[NAME]: _case_figures(trace) for trace in self._traces}

    def step_seconds(self) -> Mapping[str, Sequence[float]]:
        """Return the seconds from each completed activity to the one before it in its case, by its name."""
        obj = _module("objects.log.obj")
        traces = [
            obj.Trace([obj.Event({NAME: START, TIME: trace[0][TIME]}), *_completed(trace)])
            for trace in self._traces
        ]
        performance = _module("algo.discovery.dfg.variants.performance").performance
        pairs = performance(obj.EventLog(traces), {"aggregationMeasure": "raw_values"})
        seconds: dict[str, list[float]] = defaultdict(list)
        for (_, name), values in pairs.items():
            seconds[name] += values
        return {name: sorted(values) for name, values in seconds.items()}


def _case_figures(trace: Any) -> CaseFigures:
    obj = _module("objects.log.obj")
    to_interval = _module("objects.log.util.interval_lifecycle").to_interval
    [intervals] = to_interval(obj.EventLog([trace]))
    variant = _module("util.variants_util").get_variant_from_trace(obj.Trace(_completed(trace)))
    begin, end = trace[0][TIME], trace[-1][TIME]
    return CaseFigures(
        begin, (end - begin).total_seconds(), list(variant), sorted(map(_done_task, intervals), key=str)
    )


def _done_task(interval: Any) -> DoneTask:
    is_started = f"@@startevent_{NAME}" in interval
    by = f"@@startevent_{RESOURCE}" if is_started else RESOURCE
    seconds = interval["@@duration"] if is_started else None
    return DoneTask(interval[NAME], seconds, interval.get(by))


def _completed(trace: Any) -> list[Any]:
    return [event for event in trace if event[TRANSITION] == "complete"]


def _read_xes(path: Path, encoding: str) -> Any:
    reader = _module("objects.log.importer.xes.variants.iterparse")
    options = {"show_progress_bar": False, "encoding": encoding}
    return reader.import_from_string(path.read_bytes(), options)


def _read_csv(path: Path, encoding: str) -> Any:
    obj = _module("objects.log.obj")
    traces: dict[str, Any] = {}
    for row in csv.DictReader(io.StringIO(path.read_text(encoding), newline=""), delimiter=";"):
        case = row.pop(CASE)
        trace = traces.setdefault(case, obj.Trace(attributes={NAME: case}))
        values: dict[str, Any] = {name: value for name, value in row.items() if value}
        trace.append(obj.Event({**values, TIME: datetime.fromisoformat(row[TIME])}))
    return obj.EventLog(list(traces.values()))


@cache
def _module(name: str) -> ModuleType:
    with _bare_packages():
        return import_module(f"pm4py.{name}")


@contextmanager
def _bare_packages() -> Iterator[None]:
    """Import packages of pm4py without running their `__init__`, inside the context."""
    converter: Any = ModuleType(_CONVERTER)
    converter.apply = lambda log, *arguments, **options: log
    sys.modules.setdefault(_CONVERTER, converter)
    sys.meta_path.insert(0, _BarePackages())
    try:
        yield
    finally:
        del sys.meta_path[0]


class _BarePackages(MetaPathFinder):
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name.partition(".")[0] != "pm4py":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.submodule_search_locations is None:
            return spec
        bare = ModuleSpec(name, None, is_package=True)
        bare.submodule_search_locations = list(spec.submodule_search_locations)
        return bare
