"""The rules of one process that reports to meters: a report that adds nothing causes no event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, assert_never

from domain.kernel import Aggregate, Facts
from domain.meters.commands import ReportCount, ReportLabels, ReportReading
from domain.meters.events import Counted, Labelled, Measured

ReporterCommand = ReportCount | ReportReading | ReportLabels
ReporterEvent = Counted | Measured | Labelled


@dataclass(frozen=True, slots=True)
class Reporter(Aggregate[ReporterCommand, ReporterEvent]):
    """One process, with its increments, decrements and labels by the name of the meter."""

    category: ClassVar[str] = "reporter"

    counts: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    labels: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def decide(self, command: ReporterCommand, facts: Facts) -> Sequence[ReporterEvent]:
        match command:
            case ReportCount():
                return self._count(command)
            case ReportReading():
                return [Measured(name=command.name, value=command.value)]
            case ReportLabels():
                new = set(command.labels) - self.labels.get(command.name, frozenset())
                return [Labelled(name=command.name, labels=sorted(new))] if new else []
            case _:
                assert_never(command)

    def _count(self, command: ReportCount) -> Sequence[ReporterEvent]:
        """Totals never fall: a report that comes late changes nothing."""
        totals = self.counts.get(command.name, (0.0, 0.0))
        increments = max(totals[0], command.increments)
        decrements = max(totals[1], command.decrements)
        if (increments, decrements) == totals and command.name in self.counts:
            return []
        return [Counted(name=command.name, increments=increments, decrements=decrements)]

    def evolve(self, event: ReporterEvent) -> Reporter:
        match event:
            case Counted():
                return replace(self, counts={**self.counts, event.name: (event.increments, event.decrements)})
            case Labelled():
                labels = self.labels.get(event.name, frozenset()) | set(event.labels)
                return replace(self, labels={**self.labels, event.name: labels})
            case Measured():
                return self
            case _:
                assert_never(event)
