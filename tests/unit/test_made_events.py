"""Events that code makes, apart from those that it only compares or matches."""

from __future__ import annotations

from typing import Any

import pytest

from domain.kernel import Event
from domain.kernel.errors import DeclarationError
from domain.kernel.made_events import check_made_events
from tests.helpers import errands
from tests.helpers.errands import ChoreDone


class Reading:
    """Reads event classes, also as attributes of a module, at even and at odd places of its names."""

    def match(self, event: Event) -> int:
        match event:
            case errands.ChoreDone():
                return 1
            case errands.ChoreUndone():
                return 2
        return 0

    def compare(self, event: Event) -> bool:
        return isinstance(event, errands.ChoreUndone | errands.ChoreDone) or type(event) is ChoreDone


class MakingByModule:
    def decide(self) -> list[Any]:
        return [errands.ChoreDone()]


class MakingByName:
    def decide(self) -> list[Any]:
        return [ChoreDone() for _ in range(1)]


def test_an_event_that_is_matched_or_compared_is_not_made() -> None:
    check_made_events(Reading, (), "Aggregate")


@pytest.mark.parametrize("making", [MakingByModule, MakingByName])
def test_an_event_that_is_called_is_made(making: type[Any]) -> None:
    check_made_events(making, (ChoreDone,), "Aggregate")
    with pytest.raises(DeclarationError, match="makes the event ChoreDone, which"):
        check_made_events(making, (), "Aggregate")
