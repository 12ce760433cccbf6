"""A context whose view cannot fold some events until it is corrected, and a view across its streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypedDict

from domain.kernel import Aggregate, ChangeCommand, Context, CreateCommand, Event, Facts, RecordedEvent
from projections.kernel import View, by_stream

BAD = "bad"
"""The name that the view of items cannot fold, and that the key of the view of names raises at."""


class Bug:
    """Whether the views have their bug."""

    there = True


class AddItem(CreateCommand):
    """Adds an item."""

    name: str


class RenameItem(ChangeCommand):
    """Gives the item another name. The name that it has changes nothing."""

    name: str


class CheckItem(ChangeCommand):
    """Notes that somebody looked at the item, which no view shows."""


class ItemNamed(Event, type="item.named"):
    """The item has this name from now on."""

    name: str


class ItemChecked(Event, type="item.checked"):
    """Somebody looked at the item."""


@dataclass(frozen=True, slots=True)
class Item(Aggregate[AddItem | RenameItem | CheckItem, ItemNamed | ItemChecked]):
    """Something with a name."""

    category: ClassVar[str] = "item"

    name: str = ""

    def decide(
        self, command: AddItem | RenameItem | CheckItem, facts: Facts
    ) -> Sequence[ItemNamed | ItemChecked]:
        if isinstance(command, CheckItem):
            return [ItemChecked()]
        return [] if command.name == self.name else [ItemNamed(name=command.name)]

    def evolve(self, event: ItemNamed | ItemChecked) -> Item:
        return replace(self, name=event.name) if isinstance(event, ItemNamed) else self


context = Context("items", Item)


class ItemRow(TypedDict):
    """An item."""

    id: str
    name: str
    names: int


def _apply(id: str, row: ItemRow | None, event: RecordedEvent) -> ItemRow | None:
    if not isinstance(event.payload, ItemNamed):
        return row
    if event.payload.name == BAD and Bug.there:
        raise ValueError("the bug")
    return ItemRow(id=id, name=event.payload.name, names=1 + (row["names"] if row else 0))


view = View(
    name="items",
    singular="item",
    context=context,
    row=ItemRow,
    key=by_stream,
    apply=_apply,
    filters=("name",),
)
