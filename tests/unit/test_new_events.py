"""Events that a command decided on, before they are appended."""

from __future__ import annotations

import re

import pytest

from domain.kernel import Event
from domain.kernel.errors import UnfitValue
from tests.helpers.commits import commit
from tests.helpers.notes import Scored, Written


@pytest.mark.parametrize(
    ("event", "place"), [(Scored(by=2**63), "Scored.by"), (Written(text="\udcff"), "Written.text")]
)
def test_an_event_that_cannot_be_stored_is_refused_before_it_is_appended(event: Event, place: str) -> None:
    with pytest.raises(UnfitValue, match=f"^{re.escape(place)}: "):
        commit("note-a", 0, event)
