"""Text from outside is escaped before it reaches a terminal or a log."""

from __future__ import annotations

import ast
import json
import logging
import sys
import unicodedata
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

import api.cli
from api.cli.terminal import EscapingConsole
from api.escaping import EscapingFormatter, escape, escape_diagnostics
from tests.helpers.hostile_text import HOSTILE, is_harmless

BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}

TEXT = st.text(st.characters())


@given(TEXT)
def test_no_escaped_text_controls_a_terminal_or_the_direction_of_text(text: str) -> None:
    for character in escape(text).replace("\n", "").replace("\t", ""):
        assert unicodedata.category(character) not in ("Cc", "Cs")
        assert unicodedata.bidirectional(character) not in BIDIRECTIONAL


@given(st.recursive(TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)))
def test_escaped_json_is_the_same_value(value: object) -> None:
    document = json.dumps(value, ensure_ascii=False)
    assert json.loads(escape(document)) == json.loads(document)


@given(
    st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126)) | st.just("Zoë ← 名前 👩‍🚀\tb")
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert escape(text) == text


def test_the_console_escapes_texts_and_tables_and_reads_no_markup() -> None:
    console = EscapingConsole()
    console.file = StringIO()
    table = Table("id", "reason")
    table.add_row(HOSTILE, Text(HOSTILE))
    for content in (HOSTILE, Text(HOSTILE, style="bold"), table, "[link=http://evil]a[/link] :smile:"):
        console.print(content, soft_wrap=True)
    printed = console.file.getvalue()
    assert is_harmless(printed)
    assert "\\u001b" in printed
    assert "[link=http://evil]a[/link] :smile:" in printed


def test_a_table_is_wide_enough_for_what_it_escapes() -> None:
    console = EscapingConsole()
    console.file = StringIO()
    table = Table("id")
    table.add_row("\x1b" * 3)
    console.print(table)
    assert "\\u001b\\u001b\\u001b" in console.file.getvalue()


def test_a_log_message_cannot_imitate_another_record() -> None:
    formatter = EscapingFormatter("%(levelname)s %(message)s")
    message = f"refused\nERROR {HOSTILE}"
    lines = formatter.format(logging.makeLogRecord({"msg": message, "levelname": "INFO"})).splitlines()
    assert lines[0] == "INFO refused"
    assert lines[1].startswith("    ERROR ")
    assert is_harmless("".join(lines))


def test_tracebacks_and_warnings_without_a_logging_configuration_are_escaped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    handler = logging.StreamHandler(sys.stderr)
    monkeypatch.setattr(logging, "lastResort", handler)
    escape_diagnostics()
    sys.excepthook(ValueError, ValueError(HOSTILE), None)
    handler.handle(logging.makeLogRecord({"msg": HOSTILE, "levelno": logging.ERROR}))
    printed = capsys.readouterr().err
    assert printed.count("\\u001b") == 2 * HOSTILE.count("\x1b")
    assert is_harmless(printed)


WRITERS = {"print", "typer.echo", "typer.secho", "sys.stdout.write", "sys.stderr.write", "Console"}


def test_commands_write_to_the_terminal_in_one_place() -> None:
    """Another `print` would be a way around the escaping."""
    folder = Path(api.cli.__path__[0])
    calls = {
        (path.name, ast.unparse(call))
        for path in folder.rglob("*.py")
        if path.name != "terminal.py"
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func) in WRITERS
    }
    assert calls == {("__init__.py", "print(f'nerve: {escape(str(error))}', file=sys.stderr)")}
