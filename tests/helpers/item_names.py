"""A view across the streams of items: how often each name was given."""

from __future__ import annotations

from typing import TypedDict

from domain.kernel import RecordedEvent
from projections.kernel.view import View
from tests.helpers.fragile_context import BAD, Bug, ItemNamed, context


class ItemNameRow(TypedDict):
    """A name that items have or had."""

    id: str
    given: int


def _key(event: RecordedEvent) -> tuple[str, ...]:
    if not isinstance(event.payload, ItemNamed):
        return ()
    if event.payload.name == BAD and Bug.there:
        raise ValueError("the bug")
    return (event.payload.name,)


def _apply(id: str, row: ItemNameRow | None, event: RecordedEvent) -> ItemNameRow | None:
    return ItemNameRow(id=id, given=1 + (row["given"] if row else 0))


view = View(name="item_names", singular="item_name", context=context, row=ItemNameRow, key=_key, apply=_apply)
