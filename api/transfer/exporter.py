"""Running an export."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from api.transfer.export_files import check_file_name, create_file
from api.transfer.export_writer import write_commit
from domain.kernel import Commit
from eventstore.log import EventLog
from eventstore.reading.event_query import EVERYTHING, EventQuery

PAGE = 500


@dataclass(frozen=True, slots=True)
class ExportRange:
    """What of the log is wanted: positions behind `after` and up to `upto`, of commits that `query` covers.

    `tenant` is None for all.
    """

    after: int
    upto: int
    tenant: str | None = None
    query: EventQuery = EVERYTHING

    def wants(self, commit: Commit) -> bool:
        """Whether the commit is wanted; a tombstone never is."""
        info = commit.info
        return (
            info is not None
            and commit.position <= self.upto
            and self.tenant in (None, info.tenant)
            and self.query.covers(info)
        )


@dataclass(slots=True)
class ExportReport:
    """How far an export is: it has read up to `position`, and written so much."""

    position: int = 0
    commits: int = 0
    events: int = 0
    started: float = field(default_factory=monotonic)

    @property
    def seconds(self) -> float:
        return monotonic() - self.started


@dataclass(frozen=True)
class Exporter:
    """Writes events to files. `progress` is told after each page."""

    log: EventLog
    personal: bool = False
    progress: Callable[[ExportReport], None] = lambda report: None

    async def run(self, path: Path, wanted: ExportRange) -> ExportReport:
        """Export the range, which must be settled, in the order of positions.

        Raises ValidationFailed where the file cannot be written or an event cannot be exported, and then
        leaves no file; Unavailable where the log cannot be read.
        """
        check_file_name(path)
        report = ExportReport(wanted.after)
        with create_file(path) as file:
            async with aclosing(self._pages(wanted)) as pages:
                async for page in pages:
                    for commit in filter(wanted.wants, page):
                        file.write(write_commit(commit, personal=self.personal))
                        report.commits += 1
                        report.events += len(commit.events)
                    report.position = min(page[-1].position, wanted.upto)
                    self.progress(report)
        return report

    async def _pages(self, wanted: ExportRange) -> AsyncGenerator[Sequence[Commit], None]:
        reader, position = self.log.reader(), wanted.after
        while position < wanted.upto and (page := await reader.read(position, PAGE)):
            yield page
            position = page[-1].position
