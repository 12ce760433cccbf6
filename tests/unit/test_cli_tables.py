"""Tables in narrow and wide outputs, of which one is a terminal."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime

import pytest

from api.cli.dead_letters import COLUMNS
from api.cli.records import print_records
from api.cli.terminal import output

LETTER = {
    "view": "agents",
    "row": "lab-f-misspelt-01JABCDEFGHJKMNPQRSTVWXYZ1",
    "stream": "lab-f-misspelt-01JABCDEFGHJKMNPQRSTVWXYZ1",
    "version": 12,
    "type": "lab.finished",
    "error": "unknown type",
    "failures": 3,
    "lastAt": datetime(2026, 1, 31, tzinfo=UTC),
}


@pytest.mark.parametrize("width", [20, 80, 300])
def test_what_is_to_be_copied_is_whole_at_any_width(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr(output, "width", width)
    with output.capture() as capture:
        print_records([LETTER, {**LETTER, "row": None}], COLUMNS, as_json=False, empty="")
    first, second = (line for line in capture.get().splitlines() if "agents" in line)
    assert [cell.strip() for cell in first.split("│")[1:4]] == [
        "agents",
        LETTER["row"],
        f"{LETTER['row']}@12",
    ]
    assert [cell.strip() for cell in second.split("│")[1:4]] == ["agents", "-", f"{LETTER['row']}@12"]


class TerminalOutput(io.StringIO):
    """A terminal that a person reads."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_folds_texts_and_keeps_ids_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cut off: all words of the text are there."""
    shown = TerminalOutput()
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setattr(output, "width", 60)
    record = {"id": "task-01JABCDEFGHJKMNPQRSTVWXYZ1", "text": " ".join(f"word{n}" for n in range(20))}
    print_records([record], {"task": "id", "text": "text"}, as_json=False, empty="")
    lines = shown.getvalue().splitlines()
    assert {len(line) for line in lines} == {60}
    assert record["id"] in shown.getvalue()
    assert all(word in shown.getvalue() for word in record["text"].split())
