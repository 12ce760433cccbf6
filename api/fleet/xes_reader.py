"""Reads process logs as XES, the XML format of IEEE 1849."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, BinaryIO
from xml.parsers import expat

from api.fleet.activity import CASE_PREFIX, OWN_MEANING, ProcessLogRow
from api.transfer.cloudevent_arrays import OCEL_REFUSAL
from api.transfer.import_options import ImportOptions
from api.transfer.rows import RefusedRow
from api.transfer.text_encodings import check_encoding
from domain.kernel.errors import ValidationFailed

CHUNK = 1 << 16

_DECLARATION = re.compile(rb"""\s*<\?xml[^>]*?\bencoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
_PARSED_BY_EXPAT = frozenset({"utf-8", "utf-16", "us-ascii", "iso-8859-1"})

_OCEL_TAGS = frozenset({"object-types", "event-types"})
"""Elements of OCEL 2.0, whose root element has the same name."""

_MOST_NAMES = 5
"""Attributes of the log that are named; their number counts the others too."""

_NO_DEFAULT = "__INVALID__"
"""The value that some tools write where an attribute has no default."""

Attributes = dict[str, Any]


class _TraceCollector:
    """Collects the events of each trace together with the attributes of the trace, and with defaults.

    `columns` are the names that the file has for attributes, by attribute.
    A nested attribute is named by its path, as in ``cost:total/cost:currency``. A name that occurs again
    makes a list of its values.
    """

    def __init__(self, encoding: str | None, columns: Mapping[str, str]) -> None:
        self.ready: list[ProcessLogRow] = []
        self.open: list[int] = []
        """The lines of the events that begin in the trace that has not ended."""
        self.has_root = False
        self.of_log: list[str] = []
        """The names of the attributes of the log itself."""
        self.parser = expat.ParserCreate(encoding)
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self._attributes = {column: attribute for attribute, column in columns.items()}
        self._path: list[tuple[str, str]] = []
        self._target: Attributes | None = None
        self._defaults: dict[str, Attributes] = {"event": {}, "trace": {}}
        self._case: Attributes = {}
        self._in_trace = False
        self._events: list[tuple[int, Attributes]] = []

    def _start(self, qualified: str, attributes: dict[str, str]) -> None:
        tag = qualified.rpartition(":")[2]
        if not self.has_root:
            if tag != "log":
                raise ValidationFailed(f"is no XES: its root element is {qualified!a}, and not log")
            self.has_root = True
        self._path.append((tag, attributes.get("key", "")))
        if tag in _OCEL_TAGS and len(self._path) == 2:
            raise ValidationFailed(OCEL_REFUSAL)
        if "key" in attributes and len(self._path) == 2:
            self.of_log.append(attributes["key"])
        if tag == "trace":
            self._in_trace, self._case, self._events = True, {}, []
            self._target = self._case
        elif tag == "event":
            self._target = {}
            self._events.append((self.parser.CurrentLineNumber, self._target))
            self.open.append(self.parser.CurrentLineNumber)
        elif tag == "global":
            self._target = self._defaults.setdefault(attributes.get("scope", "event"), {})
        elif self._target is not None and "key" in attributes and "value" in attributes:
            name = "/".join(key for _, key in self._path if key)
            _add(self._target, name, _typed(tag, name, attributes["value"]))

    def _end(self, qualified: str) -> None:
        tag, _ = self._path.pop()
        if tag == "trace":
            self._flush()
            self._in_trace, self._target = False, None
        elif tag == "event":
            self._target = self._case if self._in_trace else None
            if not self._in_trace:
                self._case = {}
                self._flush()
        elif tag == "global":
            self._target = None

    def _flush(self) -> None:
        """Add the events to what is ready, with the attributes of their trace."""
        case = {**_present(self._defaults["trace"]), **self._case} if self._in_trace else {}
        shared = {f"{CASE_PREFIX}{name}": value for name, value in case.items()}
        defaults = {**shared, **_present(self._defaults["event"])}
        for line, event in self._events:
            values = {
                self._attributes.get(name, name): value for name, value in {**defaults, **event}.items()
            }
            self.ready.append(ProcessLogRow(line, values))
        self._events = []
        self.open.clear()


def _present(defaults: Mapping[str, Any]) -> Attributes:
    return {name: value for name, value in defaults.items() if value != _NO_DEFAULT}


def _typed(tag: str, name: str, text: str) -> Any:
    """Return the value as JSON has it; as a text if it is none of its type, or if nerve understands it."""
    if name in OWN_MEANING:
        return text
    with suppress(ValueError):
        match tag:
            case "int" if -(2**63) <= int(text) < 2**63:
                return int(text)
            case "float" if math.isfinite(float(text)):
                return float(text)
            case "boolean" if text.lower() in ("true", "false"):
                return text.lower() == "true"
    return text


def _add(target: Attributes, name: str, value: Any) -> None:
    if name not in target:
        target[name] = value
    elif isinstance(target[name], list):
        target[name].append(value)
    else:
        target[name] = [target[name], value]


def read_xes(stream: BinaryIO, options: ImportOptions) -> Iterator[ProcessLogRow | RefusedRow]:
    """Yield the events of an XES file, trace by trace.

    If the XML ends early, those of complete traces are yielded, and each other one that has begun is refused.
    Raises ValidationFailed if it is no XES.
    """
    chunk = stream.read(CHUNK)
    decoder = _decoder(chunk, options.encoding)
    traces = _TraceCollector("utf-8" if decoder else None, options.columns)
    more = True
    while more:
        more = bool(chunk)
        invalid: Exception | None = None
        if decoder is not None:
            chunk, invalid = _to_utf_8(decoder, chunk, final=not more)
        try:
            traces.parser.Parse(chunk, not more)
        except expat.ExpatError as error:
            invalid = error
        yield from traces.ready
        traces.ready.clear()
        if invalid is not None:
            yield from _refuse_rest(traces, invalid)
            return
        chunk = stream.read(CHUNK)
    if traces.of_log:
        names = ", ".join(traces.of_log[:_MOST_NAMES])
        options.on_note(f"has {len(traces.of_log)} attributes of the log itself, such as {names}: not stored")


def _refuse_rest(traces: _TraceCollector, error: Exception) -> Iterator[RefusedRow]:
    """Refuse each event that has begun, and the place where the file cannot be read any more."""
    if not traces.has_root:
        raise ValidationFailed(f"is no XES: {error}")
    for line in traces.open:
        yield RefusedRow(line, "is in a part of the file that does not end")
    line = traces.parser.CurrentLineNumber
    yield RefusedRow(line, f"is not XML, and the rest of the file was not read: {error}")


def _decoder(beginning: bytes, encoding: str | None) -> codecs.IncrementalDecoder | None:
    """Return what decodes the file; None if the parser does so, as it does with UTF-8 and UTF-16.

    Raises ValidationFailed if the file declares an encoding that does not exist.
    """
    if encoding is None:
        declared = _DECLARATION.match(beginning)
        if declared is None or declared[1].decode().lower() in _PARSED_BY_EXPAT:
            return None
        try:
            encoding = check_encoding(declared[1].decode())
        except ValueError as error:
            raise ValidationFailed(f"declares an encoding that cannot be read: {error}") from None
    return codecs.getincrementaldecoder(encoding)("strict")


def _to_utf_8(
    decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool
) -> tuple[bytes, UnicodeError | None]:
    """Return the chunk as UTF-8, up to the first byte that is not in its encoding, and the error if any."""
    try:
        return decoder.decode(chunk, final).encode(), None
    except UnicodeDecodeError as error:
        decoder.reset()
        return decoder.decode(error.object[: error.start]).encode(), error
    except UnicodeError as error:
        return b"", error
