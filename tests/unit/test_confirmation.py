"""A question is asked only where a person sees it and can answer."""

from __future__ import annotations

import io
import sys

import pytest
import typer

from api.cli.confirmation import confirm, is_interactive
from domain.kernel.errors import ConfigurationError
from tests.helpers.command_line import TerminalInput


def test_a_closed_standard_input_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert not is_interactive()
    with pytest.raises(typer.Abort):
        confirm("Erase it?")


def test_a_question_that_goes_into_a_file_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The person at the terminal would see a command that hangs."""
    typed = TerminalInput("y\n")
    monkeypatch.setattr(sys, "stdin", typed)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with pytest.raises(ConfigurationError, match="use --yes"):
        confirm("Erase it?")
    assert typed.read() == "y\n"
