"""What a view publishes of several changes that it reads at once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, cast

from projections.live.aligned_reader import ReadLimits, RowQuery
from projections.live.messages import ChangeKind, LiveMessage, RowDelta
from projections.live.view_source import ViewSource
from projections.live.view_tail import ViewTail
from projections.querying.filters import FieldCondition
from tests.helpers.memory_view import NEVER, MemoryNotes, MemoryReader
from tests.helpers.row_scopes import ALL_ROWS


class KindsTopic:
    """Keeps the kinds of the published changes."""

    def __init__(self) -> None:
        self.kinds: list[ChangeKind] = []

    def publish(self, messages: Sequence[LiveMessage]) -> None:
        self.kinds += [message.change.kind for message in messages if isinstance(message, RowDelta)]

    def narrow(self, filter: object) -> None: ...
    def fail(self, error: Exception) -> None: ...


async def test_a_row_that_enters_and_leaves_a_filter_in_one_batch_is_added_and_removed() -> None:
    """The filter is found by its terms for the first change, and by the row alone for the second."""
    notes = MemoryNotes(random.Random(0))
    reader = cast(Any, MemoryReader(notes))
    source = ViewSource(reader, ViewTail(reader, NEVER), reader.position, notes.visible_since, ReadLimits())
    topic = KindsTopic()
    source.open(RowQuery(ALL_ROWS, FieldCondition("text", "eq", "x"), None), topic)
    for text in ("x", "z", "x", "z", "z"):
        notes.commit("a", text)
    source.publish(notes.states)
    assert topic.kinds == [ChangeKind.ADDED, ChangeKind.REMOVED] * 2
