"""Samples of metrics, kept for an hour, and the series that are read from them. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from statistics import fmean
from typing import NamedTuple

from api.recent_metrics.reporting_servers import Rates

SAMPLE_INTERVAL = 5
"""Seconds between two samples."""

LONGEST_SPAN = 3600
SHORTEST_SPAN = 60
"""The longest and the shortest span of a series, in seconds."""

MAX_POINTS = 120
"""Points of a series."""


class Sample(NamedTuple):
    """The metrics at one moment, in seconds since 1970: a multiple of `SAMPLE_INTERVAL`.

    `head` is the end of the log and `commits` what it grew by per second, None if they are unknown. `rates`,
    `subscriptions` and `sockets` are those of all `servers` that reported, `lags` those of consumers.
    """

    at: int
    head: int | None
    commits: float | None
    rates: Rates
    subscriptions: int
    sockets: int
    servers: int
    lags: Mapping[str, int]


class SampleRing:
    """The samples of the last hour. A new one removes those that are older."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=LONGEST_SPAN // SAMPLE_INTERVAL)

    def add(self, sample: Sample) -> None:
        """Add a sample, which is later than all others."""
        self._samples.append(sample)

    @property
    def last(self) -> Sample | None:
        """The latest sample."""
        return self._samples[-1] if self._samples else None

    @property
    def first(self) -> Sample | None:
        """The earliest sample."""
        return self._samples[0] if self._samples else None

    def after(self, moment: float) -> Sequence[Sample]:
        """Return the samples after a moment, in their order."""
        return [sample for sample in self._samples if sample.at > moment]


Values = Sequence[float | None]
"""A value for each step; None for a step without one."""


@dataclass(frozen=True, slots=True)
class Series:
    """Metrics over a span that is divided into equal steps. `times` are the ends of the steps.

    `values` are rates and numbers by the names of the fields of `Sample` and of `Rates`. Rates are means over
    their step; of other numbers the last one counts, and of lags the highest.
    """

    step: int
    times: Sequence[int]
    values: Mapping[str, Values]
    lags: Mapping[str, Values]


NUMBERS = ("head", "subscriptions", "sockets", "servers")
"""The fields of samples of which the last value of a step counts."""


def step_of(span: int) -> int:
    """Return the seconds of a step, so that a span has at most `MAX_POINTS` of them."""
    return SAMPLE_INTERVAL * max(1, -(-span // (SAMPLE_INTERVAL * MAX_POINTS)))


def series(ring: SampleRing, span: int, at: float) -> Series:
    """Return the metrics of the last `span` seconds before `at`. The last step may be incomplete."""
    step = step_of(span)
    end = _step_end(moment_of(at), step)
    times = range(end - (span // step - 1) * step, end + 1, step)
    steps: dict[int, list[Sample]] = {time: [] for time in times}
    for sample in ring.after(times[0] - step):
        if (time := _step_end(sample.at, step)) in steps:
            steps[time].append(sample)
    groups = list(steps.values())
    values = {
        **{name: _read(groups, attrgetter(name), _last) for name in NUMBERS},
        "commits": _read(groups, attrgetter("commits"), fmean),
        **{name: _read(groups, attrgetter(f"rates.{name}"), fmean) for name in Rates._fields},
    }
    consumers = sorted({name for group in groups for sample in group for name in sample.lags})
    lags = {consumer: _read(groups, partial(_lag, consumer), max) for consumer in consumers}
    return Series(step, times, values, lags)


def moment_of(at: float) -> int:
    """Return the moment of the latest sample at this time."""
    return int(at) // SAMPLE_INTERVAL * SAMPLE_INTERVAL


def _step_end(moment: int, step: int) -> int:
    return -(-moment // step) * step


def _read(
    groups: Sequence[Sequence[Sample]],
    value: Callable[[Sample], float | None],
    combine: Callable[[Sequence[float]], float],
) -> Values:
    """Return for each group of samples what `combine` makes of their values; None if there are none."""
    return [_combined(map(value, group), combine) for group in groups]


def _combined(values: Iterable[float | None], combine: Callable[[Sequence[float]], float]) -> float | None:
    present = [value for value in values if value is not None]
    return combine(present) if present else None


def _lag(consumer: str, sample: Sample) -> int | None:
    return sample.lags.get(consumer)


def _last(values: Sequence[float]) -> float:
    return values[-1]
