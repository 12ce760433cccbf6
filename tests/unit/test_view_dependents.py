"""What live queries learn of the changes of a view."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from projections.live.view_dependents import ViewDependents
from projections.querying.filters import EVERYTHING, FieldCondition


class Marks:
    """A dependent that keeps the positions at which it was marked."""

    def __init__(self) -> None:
        self.positions: list[int] = []

    def mark_changed(self, position: int) -> None:
        self.positions.append(position)


def rigged() -> tuple[ViewDependents, SimpleNamespace, SimpleNamespace]:
    """Return the dependents of a view, its dispatcher and its reader."""
    handlers: list[Any] = []
    dispatcher = SimpleNamespace(
        position=4, attach=handlers.append, detach=handlers.remove, handlers=handlers
    )
    reader = SimpleNamespace(edition=1)
    unused: Any = None
    return ViewDependents(dispatcher, reader, unused), dispatcher, reader  # type: ignore[arg-type]


def changed(row_id: str, position: int, tenant: str = "a") -> dict[str, Any]:
    return {"id": row_id, "_tenant": tenant, "_position": position}


def test_a_dependent_learns_of_changes_of_its_tenant_that_meet_its_filter() -> None:
    dependents, dispatcher, _ = rigged()
    lists, one, other = Marks(), Marks(), Marks()
    dependents.add(lists, "a", EVERYTHING)
    dependents.add(one, "a", FieldCondition("id", "eq", "task-1"))
    dependents.add(other, "b", EVERYTHING)
    dispatcher.handlers[0]([changed("task-1", 5), changed("task-2", 6), changed("task-1", 7, "b")])
    assert (lists.positions, one.positions, other.positions) == ([5, 6], [5], [7])
    dependents.remove(lists)
    dispatcher.handlers[0]([changed("task-2", 8)])
    assert lists.positions == [5, 6]


def test_a_rebuild_may_have_changed_every_result_until_now() -> None:
    dependents, dispatcher, reader = rigged()
    one, other = Marks(), Marks()
    dependents.add(one, "a", FieldCondition("id", "eq", "task-1"))
    dependents.add(other, "b", EVERYTHING)
    dispatcher.handlers[0]([])
    assert (one.positions, other.positions) == ([], [])
    reader.edition = 2
    dispatcher.handlers[0]([])
    assert (one.positions, other.positions) == ([5], [5])
