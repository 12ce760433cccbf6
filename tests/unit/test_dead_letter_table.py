"""The list of dead letters in a narrow terminal."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.cli.dead_letters import dead_letter_table
from api.cli.terminal import output, print_table

LETTER = {
    "view": "agents",
    "row": "lab-f-misspelt-01JABCDEFGHJKMNPQRSTVWXYZ1",
    "stream": "lab-f-misspelt-01JABCDEFGHJKMNPQRSTVWXYZ1",
    "version": 12,
    "type": "lab.finished",
    "error": "unknown type",
    "failures": 3,
    "last_at": datetime(2026, 1, 31, tzinfo=UTC),
}


@pytest.mark.parametrize("width", [20, 80, 300])
def test_what_is_to_be_copied_is_whole_at_any_width(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr(output, "width", width)
    with output.capture() as capture:
        print_table(dead_letter_table([LETTER, {**LETTER, "row": None}]))
    first, second = (line for line in capture.get().splitlines() if "agents" in line)
    assert [cell.strip() for cell in first.split("│")[1:4]] == [
        "agents",
        LETTER["row"],
        f"{LETTER['row']}@12",
    ]
    assert [cell.strip() for cell in second.split("│")[1:4]] == ["agents", "-", f"{LETTER['row']}@12"]
