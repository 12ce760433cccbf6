"""Numbers with their nouns."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import pytest
from annotated_types import Len
from pydantic import TypeAdapter, ValidationError

from domain.kernel.input_messages import input_message
from domain.kernel.names import quantity

ROOT = Path(__file__).parents[2]
NOUNS = (
    "agents|bytes|claims|commands|commits|days|documents|events|keys|members|modules|positions|requests|rows"
    "|segments|streams|times|webhooks"
)
COUNTED = re.compile(rf"\{{(?!limit\b|task\.|[A-Z_]+\b)[^{{}}]*\}} ({NOUNS})\b(?!/s)")
"""A number with a noun that is in the plural even for 1. Limits, rates and bars of progress are none."""


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (11, "11 rows"), (12_345, "12,345 rows")]
)
def test_one_has_its_noun_in_the_singular(count: int, text: str) -> None:
    assert quantity(count, "row") == text


@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        (Annotated[str, Len(1)], "", "must have at least 1 character"),
        (Annotated[str, Len(11)], "", "must have at least 11 characters"),
        (Annotated[list[int], Len(1)], [], "must have at least 1 item"),
        (Annotated[list[int], Len(0, 1)], [1, 2], "must have at most 1 item"),
        (Annotated[bytes, Len(1)], b"", "must have at least 1 byte"),
    ],
)
def test_a_limit_of_one_is_in_the_singular(type_: Any, value: object, text: str) -> None:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(type_).validate_python(value)
    assert input_message(error.value.errors()[0]) == text


@pytest.mark.parametrize("folder", ["api/cli", "api/doctor"])
def test_no_text_of_a_command_has_one_with_a_plural(folder: str) -> None:
    wrong = [
        f"{path.name}: {match[0]}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for match in COUNTED.finditer(path.read_text())
    ]
    assert wrong == []
