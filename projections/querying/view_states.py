"""Which rows a tenant has in views: read to find out whether they have changed since an earlier read.

The rows of a tenant change with its commits in the categories that the view folds, and with the erasures of
its subjects and decisions about its dead letters. All of them are commits of the log. A view that contains
the last such commit contains all of them, because it passes no open position; further ones get higher
positions. So the position of the last one identifies the rows of a generation, once the view has reached it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import NamedTuple, TypeVar

from domain.builtin.deadletters.aggregate import DeadLetter
from domain.builtin.subjects.aggregate import Subject
from eventstore.mongo.group_reads import GroupReads
from eventstore.reading.last_commits import LastCommits
from projections.querying.locator import ViewLocator

T = TypeVar("T")

ALWAYS_FOLDED = frozenset((Subject.category, DeadLetter.category))
"""The categories whose commits change rows of any view."""


class ViewState(NamedTuple):
    """Identifies the rows that a tenant has in a view: of two reads in the same state, neither saw a change.

    `generation` is the one whose rows are read, `last_commit` the position of the last commit that changes
    rows of the tenant; 0 if there is none.
    """

    generation: int
    last_commit: int


class ViewStates:
    """Reads the states of views for all requests that arrive until the read begins; see `GroupReads`.

    MongoDB ends a read after `seconds`.
    """

    def __init__(
        self, locators: Mapping[str, ViewLocator], last_commits: LastCommits, seconds: float
    ) -> None:
        self._locators = locators
        self._last_commits = last_commits
        self._reads = GroupReads(seconds)
        self._progress: dict[str, tuple[int, int]] = {}
        """The generation and the position of each view when they were last read."""

    async def read(self, tenant: str, views: Sequence[str]) -> Sequence[ViewState]:
        """Return the states of these views in their order. The read begins after the call.

        Raises Unavailable.
        """
        load = partial(self._load, tenant)
        return await self._reads.read(("states", tenant), tuple(views), load)  # type: ignore[no-any-return]

    def start(self, tenant: str, views: Sequence[str]) -> asyncio.Future[Sequence[ViewState]]:
        """Return a future of what `read` returns; it is not to be cancelled."""
        return self._reads.join(("states", tenant), tuple(views), partial(self._load, tenant))

    async def _load(
        self, tenant: str, items: Collection[tuple[str, ...]]
    ) -> Mapping[tuple[str, ...], Sequence[ViewState]]:
        """Return the states of several sequences of views."""
        views = list(dict.fromkeys(chain.from_iterable(items)))
        read = await _in_order([self._state(tenant, view) for view in views])
        states = dict(zip(views, read, strict=True))
        return {item: [states[view] for view in item] for item in items}

    async def _state(self, tenant: str, view: str) -> ViewState:
        locator = self._locators[view]
        categories = locator.view.categories | ALWAYS_FOLDED
        return ViewState(await locator.generation(), await self._last_commits.read(tenant, categories))

    async def are_complete(self, views: Sequence[str], states: Sequence[ViewState]) -> bool:
        """Return whether reads of the views from now on contain the commits of these states.

        A tenant without a commit counts as incomplete: an erasure removes its commits before its rows. Raises
        Unavailable.
        """
        complete = [self._is_complete(view, state) for view, state in zip(views, states, strict=True)]
        return all(await _in_order(complete))

    async def _is_complete(self, view: str, state: ViewState) -> bool:
        if not state.last_commit:
            return False
        if not self._has_reached(view, state):
            await self._reads.read("progress", view, self._load_progress)
        return self._has_reached(view, state)

    def _has_reached(self, view: str, state: ViewState) -> bool:
        generation, position = self._progress.get(view, (0, 0))
        return generation == state.generation and position >= state.last_commit

    async def _load_progress(self, views: Collection[str]) -> Mapping[str, None]:
        for view in views:
            self._progress[view] = await self._locators[view].progress()
        return {}

    async def are_current(self, views: Sequence[str], states: Sequence[ViewState]) -> bool:
        """Return whether the generations of these states are still the ones that are read.

        Raises Unavailable.
        """
        generations = await _in_order([self._locators[view].generation() for view in views])
        return generations == [state.generation for state in states]


async def _in_order(reads: Sequence[Awaitable[T]]) -> list[T]:
    """Return the results of all reads, which run at the same time."""
    return [await reads[0]] if len(reads) == 1 else await asyncio.gather(*reads)
