"""Reads process logs as XES, the XML format of IEEE 1849."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers import expat

from api.fleet.activity import ProcessLogRow
from api.transfer.rows import RefusedRow

CHUNK = 1 << 16


class _TraceCollector:
    """Collects the events of each trace together with the attributes of the trace."""

    def __init__(self) -> None:
        self.ready: list[ProcessLogRow] = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self._path: list[str] = []
        self._case: dict[str, str] = {}
        self._events: list[tuple[int, dict[str, str]]] = []

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        parent = self._path[-1] if self._path else ""
        self._path.append(tag)
        if tag == "trace":
            self._case, self._events = {}, []
        elif tag == "event":
            self._events.append((self.parser.CurrentLineNumber, {}))
        elif "key" in attributes and parent == "event":
            self._events[-1][1][attributes["key"]] = attributes.get("value", "")
        elif "key" in attributes and parent == "trace":
            self._case[f"case:{attributes['key']}"] = attributes.get("value", "")

    def _end(self, tag: str) -> None:
        self._path.pop()
        if tag == "trace":
            self.ready += (ProcessLogRow(line, {**self._case, **event}) for line, event in self._events)


def read_xes(stream: BinaryIO) -> Iterator[ProcessLogRow | RefusedRow]:
    """Yield the events of an XES file, trace by trace; if the XML ends early, those before that point."""
    traces = _TraceCollector()
    more = True
    while more:
        chunk = stream.read(CHUNK)
        more = bool(chunk)
        refused = None
        try:
            traces.parser.Parse(chunk, not more)
        except expat.ExpatError as error:
            refused = RefusedRow(error.lineno, f"is not XML, and the rest of the file was not read: {error}")
        yield from traces.ready
        traces.ready.clear()
        if refused is not None:
            yield refused
            return
