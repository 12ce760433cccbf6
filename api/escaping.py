"""Escapes characters that a terminal would obey or not show, in text that came from outside."""

from __future__ import annotations

import codecs
import io
import logging
import re
import sys
import traceback
from types import TracebackType

_UNSAFE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but not the tab and the newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # change the direction of text
    "\u200b\u2060\ufeff\U000e0000-\U000e007f"  # invisible
    "\u2028\u2029"  # separate lines
    "\ud800-\udfff"  # halves of a character, which no output can encode
    "]"
)

UNENCODABLE = "nerve.escape"
"""The name by which `codecs` finds the handler of characters that an encoding lacks."""

CONTINUED = "\n    "
"""The beginning of the further lines of a log record, so that no message can imitate a record."""


def escape(text: str) -> str:
    r"""Return the text with each such character as ``\uXXXX``.

    In JSON they occur only in strings, where this is the same character: JSON stays the same value.
    """
    return _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return _code_units(match[0])


def _code_units(text: str) -> str:
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[index : index + 2].hex()}" for index in range(0, len(units), 2))


class EscapingFormatter(logging.Formatter):
    """Formats log records with escaped text, and indents all lines but the first."""

    def format(self, record: logging.LogRecord) -> str:
        return escape(super().format(record)).replace("\n", CONTINUED)


def escape_unencodable() -> None:
    r"""Write characters that the encoding of stdout or stderr lacks as ``\uXXXX``.

    Python would raise an error. JSON stays the same value, as with `escape`.
    """
    codecs.register_error(UNENCODABLE, _replace_unencodable)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=UNENCODABLE)


def _replace_unencodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return _code_units(error.object[error.start : error.end]), error.end


def escape_diagnostics() -> None:
    """Escape warnings of programs that do not configure logging, and the tracebacks of unexpected errors."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(EscapingFormatter())
    sys.excepthook = _print_traceback


def _print_traceback(kind: type[BaseException], error: BaseException, place: TracebackType | None) -> None:
    sys.stderr.write(escape("".join(traceback.format_exception(kind, error, place))))
