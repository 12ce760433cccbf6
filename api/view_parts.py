"""The parts of a process that serve one view."""

from __future__ import annotations

from dataclasses import dataclass

from projections.live.live_view import LiveView
from projections.live.view_tail import ViewTail
from projections.past.reader import PastReader
from projections.querying.locator import ViewLocator
from projections.querying.queries import ViewReader
from projections.querying.related import RelatedRows
from projections.querying.shared_reads import SharedReads


@dataclass(frozen=True, slots=True)
class ViewParts:
    """What finds, reads and follows the rows of one view."""

    locator: ViewLocator
    reader: ViewReader
    related: RelatedRows
    """Reads rows for the links of other views."""
    shared: SharedReads
    """Reads rows for the queries of clients."""
    past: PastReader
    tail: ViewTail
    live: LiveView
