"""The files and options of ``nerve import``, checked before anything is read."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from api.fleet.columns import ATTRIBUTES
from api.fleet.lifecycle import TRANSITIONS
from api.transfer.text_encodings import check_encoding
from domain.kernel.errors import Unavailable

STDIN = "-"
FORMATS = ("csv", "xes", "jsonl", "json")

Files = Annotated[
    list[Path],
    typer.Argument(
        help="Process logs (.csv, .xes), commands as CloudEvents (.jsonl, .ndjson, .json), or exports"
        " (.jsonl, .ndjson); they may be compressed (.gz, .zst, .zip). `-` is standard input."
    ),
]
Source = Annotated[
    str | None,
    typer.Option(
        help="Where the files come from. Cases and tasks with the same numbers from another source are"
        " different ones. Default: the name of each file.",
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        help=f"The column of an attribute, as in case=case_id; can be repeated. The attributes are"
        f" {', '.join(ATTRIBUTES)}. Default: common names of columns.",
    ),
]
Transitions = Annotated[
    list[str] | None,
    typer.Option(
        "--lifecycle",
        help="The transition that a lifecycle value stands for, as in Closed=complete; can be repeated.",
    ),
]
Encoding = Annotated[
    str | None, typer.Option(help="The character encoding of process logs. Default: guessed, or as declared.")
]
Delimiter = Annotated[
    str | None, typer.Option(help="The character between the fields of a CSV file. Default: guessed.")
]
Format = Annotated[
    str | None, typer.Option("--format", help=f"The format of standard input: {', '.join(FORMATS)}.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Store nothing, and print what an import would store.")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Store nothing unless all rows of all files are right.")
]


def parse_columns(texts: Sequence[str] | None) -> Mapping[str, str]:
    """Return the columns by the XES names of their attributes. Raises BadParameter."""
    columns = {}
    for name, column in _pairs("--map", texts):
        if name not in ATTRIBUTES:
            raise typer.BadParameter(f"--map has no attribute {name!r}; use {', '.join(ATTRIBUTES)}")
        columns[ATTRIBUTES[name]] = column
    return columns


def parse_transitions(texts: Sequence[str] | None) -> Mapping[str, str]:
    """Return the transitions by lifecycle values in lower case. Raises BadParameter."""
    transitions = {}
    for value, transition in _pairs("--lifecycle", texts):
        if transition.lower() not in TRANSITIONS:
            raise typer.BadParameter(
                f"--lifecycle has no transition {transition!r}; use {', '.join(sorted(TRANSITIONS))}"
            )
        transitions[value.lower()] = transition.lower()
    return transitions


def parse_encoding(text: str | None) -> str | None:
    """Return the encoding. Raises BadParameter if there is none of this name."""
    try:
        return None if text is None else check_encoding(text)
    except ValueError as error:
        raise typer.BadParameter(f"--encoding: {error}") from None


def parse_delimiter(text: str | None) -> str | None:
    r"""Return the delimiter, which may be written as ``\t``. Raises BadParameter if it cannot be one."""
    delimiter = "\t" if text == r"\t" else text
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n '):
        raise typer.BadParameter(r"--delimiter is one character, such as ; or \t, and no quote or space")
    return delimiter


def _pairs(option: str, texts: Sequence[str] | None) -> Iterator[tuple[str, str]]:
    for text in texts or ():
        name, separator, value = text.partition("=")
        if not (name and separator and value):
            raise typer.BadParameter(f"{option} {text!r} is not of the form NAME=VALUE")
        yield name, value


@contextmanager
def input_files(files: Sequence[Path], format: str | None) -> Iterator[list[Path]]:
    """Yield the files, with standard input saved to a file whose name has its format."""
    with ExitStack() as stack:
        yield [stack.enter_context(_saved_stdin(format)) if str(file) == STDIN else file for file in files]


@contextmanager
def _saved_stdin(format: str | None) -> Iterator[Path]:
    if format is not None and format not in FORMATS:
        raise typer.BadParameter(f"--format is one of {', '.join(FORMATS)}")
    if sys.stdin is None:
        raise typer.BadParameter(f"{STDIN} is standard input, which is closed")
    with _interrupted_by_sigterm(), ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="nerve-import-"))
            file = _save_stdin(Path(folder), format)
        except OSError as error:
            raise Unavailable(
                f"standard input cannot be saved to a temporary file: {error}; free space, or name another"
                " folder in TMPDIR"
            ) from error
        yield file


def _save_stdin(folder: Path, format: str | None) -> Path:
    content = folder / "content"
    with content.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    with content.open("rb") as file:
        suffix = format or _guess_format(file.read(1000))
    return content.rename(content.with_name(f"stdin.{suffix}"))


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Interrupt the block at SIGTERM as Ctrl-C does, and end the process by SIGTERM after it.

    By default SIGTERM ends a process at once, which would leave its temporary files behind.
    """
    is_received = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal is_received
        is_received = True
        handler = signal.getsignal(signal.SIGINT)
        # A shell lets its background jobs ignore SIGINT.
        (handler if callable(handler) else signal.default_int_handler)(number, frame)

    default = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, default)
        if is_received:
            signal.raise_signal(signal.SIGTERM)


def _guess_format(beginning: bytes) -> str:
    """Return the format by the first character; of something compressed, it has to be named."""
    first = beginning.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return {b"<": "xes", b"{": "jsonl", b"[": "json"}.get(first, "csv")
