"""Many different queries to one API process: its caches stay within their bounds, and so does its memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from api.graphql.execution.parsed_documents import CACHED_TOKENS
from api.settings import Settings
from tests.helpers.cached_api import CachedApi, cached_api

GROWTH = 1.25
"""How many times the memory after a third of the queries, when the caches are full, it may be in the end."""

CREATE = """mutation ($title: String!) {
  createDocument(input: {title: $title, content: {}}, await: PROJECTED) { receipt { version } } }"""
VARIED = """query ($title: String!) {
  documents(filter: {title: {ne: $title}}) { nodes { id title changedAt } totalCount } }"""
ROWS = 20


class Size(NamedTuple):
    """The number of different queries, and of those between two measurements. Each is sent `times` times."""

    queries: int
    every: int
    times: int = 2


class Memory(NamedTuple):
    """What the process takes: resident bytes, and the entries and the size of its caches."""

    resident: int
    results: int
    result_bytes: int
    documents: int
    document_tokens: int


@dataclass
class Outcome:
    """What the process took, by the number of different queries that it had answered."""

    max_bytes: int
    measured: dict[int, Memory] = field(default_factory=dict)
    wrongs: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """For a person to read."""
        bounds = f"bounds: {self.max_bytes:,} bytes of results, {CACHED_TOKENS:,} tokens of documents"
        table = Table(title="different queries, half by their texts and half by variables", caption=bounds)
        for column in ("queries", "resident, MiB", "results", "bytes", "documents", "tokens"):
            table.add_column(column, justify="right")
        for queries, memory in self.measured.items():
            figures = map("{:,}".format, memory[1:])
            table.add_row(f"{queries:,}", f"{memory.resident / 2**20:.0f}", *figures)
        return table


class QueryMemory:
    """Sends queries to an API process in this one."""

    def __init__(self, settings: Settings, size: Size) -> None:
        self._settings = settings
        self._size = size
        self._outcome = Outcome(settings.result_cache.max_bytes)

    async def run(self, step: Callable[[], None] = lambda: None) -> Outcome:
        """Run the trial; `step` is called after each measurement."""
        async with cached_api(self._settings, worker=True) as api:
            for number in range(ROWS):
                await api.ask(CREATE, title=f"document {number}")
            for number in range(1, self._size.queries + 1):
                for _ in range(self._size.times):
                    await _query(api, number)
                if number % self._size.every == 0:
                    self._measure(api, number)
                    step()
        measured = list(self._outcome.measured.values())
        early, last = measured[len(measured) // 3].resident, measured[-1].resident
        if last > GROWTH * early:
            self._outcome.wrongs.append(f"it took {early:,} bytes after a third, and {last:,} in the end")
        return self._outcome

    def _measure(self, api: CachedApi, queries: int) -> None:
        results, documents = api.results.cache, api.documents
        cached = results.entries, results.bytes, documents.entries, documents.weight
        memory = Memory(_resident(), *cached)
        self._outcome.measured[queries] = memory
        if memory.result_bytes > results.max_bytes:
            self._outcome.wrongs.append(f"{queries:,} queries: results take {memory.result_bytes:,} bytes")
        if memory.document_tokens > CACHED_TOKENS:
            self._outcome.wrongs.append(f"{queries:,} queries: {memory.document_tokens:,} tokens are cached")


async def _query(api: CachedApi, number: int) -> None:
    """Send the query of this number: one of an own text, or one with own variables."""
    if number % 2:
        await api.ask(f"query Q{number} {{ documents(first: {number % 50}) {{ nodes {{ id title }} }} }}")
    else:
        await api.ask(VARIED, title=f"no document {number}")


def _resident() -> int:
    """Return the bytes of memory that this process takes."""
    size = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert size is not None
    return int(size[1]) * 1024
