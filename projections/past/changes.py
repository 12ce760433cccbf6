"""The history of a row: its changes in the order of the log."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import NamedTuple

from domain.kernel import CommitInfo, RecordedEvent
from projections.past.folds import FoldStep
from projections.storage.rows import Row, changed_fields


class PastChange(NamedTuple):
    """A change of a row by one commit: the row before and after it, None if it does not exist.

    `events` are the events of the commit that touched the row.
    """

    events: tuple[RecordedEvent, ...]
    before: Row | None
    after: Row | None

    @property
    def commit(self) -> CommitInfo:
        return self.events[0].commit

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields whose value has changed."""
        return changed_fields(self.before or {}, self.after or {})

    @property
    def is_visible(self) -> bool:
        """Whether the commit created or removed the row, or changed one of its fields."""
        return (self.before is None) != (self.after is None) or bool(self.fields)


class Changes(NamedTuple):
    """A page of changes in the order of the log, and whether there are more on either side."""

    changes: Sequence[PastChange]
    has_next: bool
    has_previous: bool


async def by_commit(steps: AsyncIterator[FoldStep]) -> AsyncGenerator[PastChange, None]:
    """Yield the changes that the steps of a row add up to; a commit that undoes its own change has none."""
    change: PastChange | None = None
    async for event, before, after in steps:
        if change is not None and change.commit.position == event.position:
            change = PastChange((*change.events, event), change.before, after)
            continue
        if change is not None and change.is_visible:
            yield change
        change = PastChange((event,), before, after)
    if change is not None and change.is_visible:
        yield change


async def page_of(
    changes: AsyncIterator[PastChange],
    *,
    first: int | None,
    after: int | None,
    last: int | None,
    before: int | None,
) -> Changes:
    """Return the `first` or the `last` changes between two positions; reads no further than necessary."""
    page: deque[PastChange] = deque(maxlen=last)
    has_previous = False
    async for change in changes:
        position = change.commit.position
        if after is not None and position <= after:
            has_previous = True
        elif (before is not None and position >= before) or len(page) == first:
            return Changes(list(page), True, has_previous)
        else:
            has_previous = has_previous or len(page) == last
            page.append(change)
    return Changes(list(page), False, has_previous)
