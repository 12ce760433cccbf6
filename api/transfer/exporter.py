"""Writes a range of the log to a file."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from api.transfer.export_files import check_file_name, create_file
from api.transfer.export_writer import commit_lines
from domain.kernel import Commit
from eventstore.log import EventLog
from eventstore.reading.event_query import EVERYTHING, EventQuery

PAGE = 500


@dataclass(frozen=True, slots=True)
class ExportRange:
    """The commits to export: after position `after` and up to `upto`, as far as `query` covers them.

    With `tenant` None the commits of all tenants are exported.
    """

    after: int
    upto: int
    tenant: str | None = None
    query: EventQuery = EVERYTHING

    def includes(self, commit: Commit) -> bool:
        """Return whether the commit is exported; a tombstone never is."""
        info = commit.info
        return (
            info is not None
            and commit.position <= self.upto
            and self.tenant in (None, info.tenant)
            and self.query.covers(info)
        )


@dataclass(slots=True)
class ExportReport:
    """The progress of an export: the position up to which it has read, and what it has written."""

    position: int = 0
    commits: int = 0
    events: int = 0
    started: float = field(default_factory=monotonic)

    @property
    def seconds(self) -> float:
        return monotonic() - self.started


@dataclass(frozen=True)
class Exporter:
    """Exports events to files. `on_progress` is called after each page.

    With `renumber` the positions in the file count its own commits. Those of the log would reveal how much
    other tenants wrote.
    """

    log: EventLog
    personal: bool = False
    renumber: bool = False
    on_progress: Callable[[ExportReport], None] = lambda report: None

    async def run(self, path: Path, span: ExportRange) -> ExportReport:
        """Export the range in the order of positions; it must end at or below the high-water mark.

        Raises ValidationFailed where the file cannot be written or an event cannot be exported, and then
        creates no file. Raises Unavailable where the log cannot be read.
        """
        check_file_name(path)
        report = ExportReport(span.after)
        with create_file(path) as file:
            async with aclosing(self._pages(span)) as pages:
                async for page in pages:
                    commits = list(filter(span.includes, page))
                    for commit, client in zip(commits, await self._clients(commits), strict=True):
                        report.commits += 1
                        position = report.commits if self.renumber else None
                        file.write(
                            commit_lines(commit, personal=self.personal, client=client, position=position)
                        )
                        report.events += len(commit.events)
                    report.position = min(page[-1].position, span.upto)
                    self.on_progress(report)
        return report

    async def _clients(self, commits: Sequence[Commit]) -> Sequence[str | None]:
        """Return the address of each commit's client; None where personal data is not exported."""
        if not self.personal:
            return [None] * len(commits)
        return await self.log.clients([commit.info for commit in commits if commit.info is not None])

    async def _pages(self, span: ExportRange) -> AsyncGenerator[Sequence[Commit], None]:
        reader, position = self.log.reader(), span.after
        while position < span.upto and (page := await reader.read(position, PAGE)):
            yield page
            position = page[-1].position
